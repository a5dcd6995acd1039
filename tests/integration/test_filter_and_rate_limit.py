"""A filter denies one program's events, and a rate limit lets sixty an hour of each binary through.
What the filter took is counted and not reported; what the limit took is counted, and a weir_loss
says how many. The books balance with both."""

import harness
from harness import act, check, equal

RUNS, LIMIT = 100, 60


def scenario(bench):
    quiet = bench.copy_act("noop", "quiet")
    loud = bench.copy_act("noop", "loud")
    weir = bench.weir({"pipeline": [{"filter": {"deny": [{"binary_regex": ["/quiet$"]}]}},
                                    {"rate_limit": {"rate": f"{LIMIT}/h", "key": ["binary"]}}]})
    for _ in range(RUNS):
        harness.run_ok([quiet])
        harness.run_ok([loud])
    weir.settle()
    about_quiet = [e for e in weir.session() if e.process.get("binary") == quiet]
    equal(about_quiet, [], "what the filter denies")
    passed = [e for e in weir.session() if e.process.get("binary") == loud]
    harness.between(len(passed), LIMIT, LIMIT + 2, "events that the limit let through")
    accounts = harness.accounts_of(weir.status()["events"])
    check(accounts["process_exec"]["filtered"] >= RUNS, "filtered, counted")
    weir.stop()
    losses = weir.find("weir_loss", lambda e: e.body["cause"] == "rate_limit")
    of_loud = sum(int(e.body["count"]) for e in losses if loud in e.body.get("key", ""))
    equal(of_loud, 2 * RUNS - len(passed), "limited, reported for that binary")
    equal(sum(int(e.body["count"]) for e in losses),
          sum(account["limited"] for account in weir.accounts().values()), "reported and counted")


harness.main(scenario)
