"""A filter denies one program's events, and a rate limit lets ten per binary through. What the
filter took is counted and not reported; what the limit took is counted, and a weir_loss says how
many. The books balance with both."""

import harness
from harness import act, check, equal


def scenario(bench):
    quiet = bench.copy_act("noop", "quiet")
    weir = bench.weir({"pipeline": [
        {"filter": {"deny": [{"binary_regex": ["/quiet$"]}]}},
        {"rate_limit": {"key": "binary", "events": 10, "per": "1h",
                        "only": {"binary_regex": ["/loud$"]}}},
    ]}, start=False)
    loud = bench.copy_act("noop", "loud")
    weir.start()
    for _ in range(30):
        harness.run_ok([quiet])
        harness.run_ok([loud])
    weir.settle()
    equal(weir.find("process_exec", lambda e: e.process["binary"] == quiet), [], "filtered execs")
    passed = [e for e in weir.session() if e.process.get("binary") == loud]
    equal(len(passed), 10, "events that the limit let through")
    accounts = harness.accounts_of(weir.status()["events"])
    check(accounts["process_exec"]["filtered"] >= 30, "filtered, counted")
    limited = sum(account["limited"] for account in accounts.values())
    equal(limited, 50, "limited, counted")
    weir.stop()
    losses = weir.find("weir_loss", lambda e: e.body["cause"] == "rate_limit")
    equal(sum(int(e.body["count"]) for e in losses), 50, "limited, reported")
    check(all(e.body["key"].endswith("/loud") for e in losses), "for whom")


harness.main(scenario)
