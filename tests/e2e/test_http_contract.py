"""Every recorded HTTP case against our server: same status, content type and body, but for what docs/compatibility.json excuses."""
import json
import re

import cases
import golden
import pytest
from conftest import GOLDEN, ROOT
from wire import ask

ANSWERS = json.loads((GOLDEN / "answers/http.json").read_text())
EXCUSED = json.loads((ROOT / "docs/compatibility.json").read_text())
IMPLEMENTED = ("iris/", "df_", "json_", "text_", "artifacts_used", "adapters/")
CASES = [c for c in cases.http_cases() if c[0].startswith(IMPLEMENTED)]


def answer_of(server, case, home):
    name, _, method, path, headers, body = case
    status, fields, data = ask(server, method, path, headers, body)
    text = data.decode("utf-8", "backslashreplace")
    return status, fields.get("content-type"), golden.scrub(text, str(home), "/nowhere") if len(text) < 20000 else text


@pytest.mark.parametrize("case", CASES, ids=[c[0] for c in CASES])
def test_case(case, iris, adapters, home):
    name, service = case[:2]
    want = ANSWERS[name]
    status, kind, body = answer_of(iris if service == "IrisClassifier" else adapters, case, home)
    assert "Traceback (most recent" not in body and "<TRACEBACK>" not in body
    if name in EXCUSED:
        rule = EXCUSED[name]
        assert re.match(rule["status"], str(status)), "%s: %s %s" % (rule["why"], status, body[:200])
        assert rule.get("body", "") in body
        return
    assert status == want["status"], body[:300]
    assert kind == want["headers"].get("content-type")
    assert golden.same(want["body"], body), "real: %s\nours: %s" % (want["body"][:500], body[:500])


def test_excuses_are_needed(iris, adapters, home):
    """An excuse for a case that equals the recorded answer is out of date."""
    by_name = {c[0]: c for c in CASES}
    assert set(EXCUSED) <= set(by_name)
    stale = []
    for name in EXCUSED:
        want = ANSWERS[name]
        if "headers" not in want:
            continue
        status, kind, body = answer_of(iris if by_name[name][1] == "IrisClassifier" else adapters, by_name[name], home)
        if status == want["status"] and kind == want["headers"].get("content-type") and golden.same(want["body"], body):
            stale.append(name)
    assert not stale


def test_request_ids_differ(iris):
    ids = {ask(iris, "POST", "/predict", {}, b"[[5.1, 3.5, 1.4, 0.2]]")[1]["x-request-id"] for _ in range(8)}
    assert len(ids) == 8 and all(re.match(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$", i) for i in ids)
