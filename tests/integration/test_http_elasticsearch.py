"""A scripted _bulk answers item by item, as Elasticsearch does and on no schedule of its own: some
items are wanted later, one kind is refused for good, what comes again is told to be there already,
and now and then the answer is cut or is no answer at all. Every event is created once, the refused
ones are dead letters with the receiver's words, and only what was wanted later came again."""

import json
import re

import harness
import http_peer
from harness import check, equal
from http_peer import Answer, LOSE, Peer


def number(name):
    """Of an event in the journal; 1 for a notice of refusals, which has none."""
    last = name.rpartition("-")[2]
    return int(last) if last.isdigit() else 1


class Index:
    def __init__(self):
        self.documents = {}
        self.tries = {}
        self.refused = set()
        self.requests = 0

    def item(self, action, source):
        name = action["create"]["_id"]
        self.tries[name] = self.tries.get(name, 0) + 1
        if name in self.documents:
            return {"status": 409, "error": {"type": "version_conflict_engine_exception",
                                             "reason": "document already exists"}}
        if "poison" in json.dumps(source):
            self.refused.add(name)
            return {"status": 400, "error": {"type": "document_parsing_exception",
                                             "reason": "failed to parse field [x]"}}
        if number(name) % 7 == 0 and self.tries[name] == 1:
            return {"status": 429, "error": {"type": "es_rejected_execution_exception",
                                             "reason": "queue is full"}}
        self.documents[name] = source
        return {"status": 201}

    def __call__(self, request):
        lines = request.lines()
        items = [{"create": self.item(*pair)} for pair in zip(lines[::2], lines[1::2])]
        answer = {"took": 3, "errors": any(i["create"]["status"] > 201 for i in items),
                  "items": items}
        self.requests += 1
        if self.requests == 1:
            return LOSE
        if self.requests == 3:
            return Answer(200, json.dumps(answer)[:-20])
        if self.requests == 4:
            return Answer(200, {**answer, "items": items[1:]})
        if self.requests == 5:
            return Answer(200, "<html>all is well</html>")
        return Answer(200, answer)


def scenario(bench):
    index = Index()
    peer = Peer(bench, index)
    weir = http_peer.weir_with(bench, http_peer.output(
        url=peer.url, profile="elasticsearch", user="elastic", password="pw",
        elasticsearch={"index": "weir-{kind}-{date}", "pipeline": "p"}))
    first = http_peer.act_often(weir)
    http_peer.wait_acked(weir, first)
    harness.run_ok([harness.act("noop"), "poison"])
    seq = http_peer.act_often(weir)
    http_peer.wait_acked(weir, seq)

    equal(len(http_peer.dead_letters(weir)), len(index.refused), "dead letters")
    check(all("document_parsing_exception: failed to parse field [x]" in letter["reason"]
              for letter in http_peer.dead_letters(weir)), "the receiver's words")
    ids = [*index.documents, *index.refused]
    http_peer.check_arrived(weir, seq, ids, "documents")
    late = [name for name in index.documents if number(name) % 7 == 0]
    check(late and all(index.tries[name] > 1 for name in late if number(name) <= seq), "items wanted later came again")
    calm = [name for name in index.tries if first < number(name) <= seq and name not in late]
    equal({index.tries[name] for name in calm}, {1}, "tries of what was taken at once")

    request = peer.requests[-1]
    check(re.fullmatch(r"/_bulk\?filter_path=.*&pipeline=p", request.path), f"{request.path}")
    action, source = request.lines()[:2]
    check(re.fullmatch(r"weir-\w+-\d{4}\.\d\d\.\d\d", action["create"]["_index"]), "index")
    check("@timestamp" in source, "time for a data stream")
    weir.stop()


harness.main(scenario)
