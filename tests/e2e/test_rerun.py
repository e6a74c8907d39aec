"""A function that fails on a merged batch is run again request by request: only the culprit's request fails."""
import json
import re
import subprocess
import sys
import threading
import time

import pytest
from conftest import environment, until
from wire import ask

JSON = {"Content-Type": "application/json"}

SERVICE = """
import time, bentoml, numpy
from bentoml.adapters import DataframeInput, JsonInput

class Picky(bentoml.BentoService):
    '''Changes its input in place, then may fail: what it left behind must not be seen by the second run.'''

    @bentoml.api(input=DataframeInput(), batch=True)
    def frame(self, df):
        if (df["a"] == 999).any():
            time.sleep(1.0)
        df["a"] *= 2
        if (df["a"] < 0).any():
            raise ValueError("negative")
        return df["a"].tolist()

    @bentoml.api(input=DataframeInput(), batch=True)
    def miscount(self, df):
        if (df["a"] == 999).any():
            time.sleep(1.0)
        df.iloc[:, :] *= 2
        return df["a"].tolist()[: len(df) - int((df["a"] < 0).any())]

    @bentoml.api(input=JsonInput(), batch=True)
    def values(self, items):
        if {"a": 999} in items:
            time.sleep(1.0)
        for item in items:
            item["a"] *= 2
        if any(item["a"] < 0 for item in items):
            raise ValueError("negative")
        return [item["a"] for item in items]
"""


@pytest.fixture(scope="module")
def picky(home, tmp_path_factory):
    folder = tmp_path_factory.mktemp("picky")
    (folder / "picky_service.py").write_text(SERVICE)
    env = dict(environment(home), PYTHONPATH=str(folder))
    subprocess.run([sys.executable, "-c", "import picky_service; picky_service.Picky().save()"], env=env, check=True)
    return "Picky:latest"


def metric(server, name, api):
    _, _, body = ask(server, "GET", "/metrics", {}, b"")
    found = re.search(r'(?m)^\w*%s\{[^}]*"%s"[^}]*\} ([0-9.]+)$' % (name, api), body.decode())
    return float(found.group(1)) if found else 0.0


def at_once(server, api, values):
    """The answers to the values, all of which wait behind a slow one and so are merged."""
    answers = {}

    def post(value):
        row = {"a": value}
        body = json.dumps(row if api == "values" else [row]).encode()
        answers[value] = ask(server, "POST", "/" + api, JSON, body)

    threads = [threading.Thread(target=post, args=(999,))]
    threads[0].start()
    time.sleep(0.4)
    threads += [threading.Thread(target=post, args=(v,)) for v in values]
    for t in threads[1:]:
        t.start()
    for t in threads:
        t.join(30)
    return answers


@pytest.mark.parametrize("api", ["frame", "miscount", "values"])
def test_only_the_culprit_fails(start, picky, api):
    server = start(picky, "--workers", "1", "--mb-max-latency", "20000")
    alone = ask(server, "POST", "/" + api, JSON, b'{"a": -3}' if api == "values" else b'[{"a": -3}]')
    assert alone[0] == 500 or (api == "miscount" and alone[2] == b"[]")
    for values in ([1, 2, -3, 4, 5], [1, 2, 3]):
        before = metric(server, "batch_rerun_total", api)
        answers = at_once(server, api, values)
        for value in values:
            status, _, body = answers[value]
            if value < 0:
                assert (status, body) == (alone[0], alone[2]) and b"Traceback" not in body
            else:
                got = json.loads(body)
                assert status == 200 and got in (2 * value, [2 * value]), (value, status, body)
        again = metric(server, "batch_rerun_total", api) - before
        assert again == (len(values) if min(values) < 0 else 0)


def test_switched_off_all_fail_together(start, picky):
    server = start(picky, "--workers", "1", "--mb-max-latency", "20000", "--disable-batch-rerun")
    answers = at_once(server, "frame", [1, -2, 3])
    assert [answers[v][0] for v in (1, -2, 3)] == [500] * 3
    assert metric(server, "batch_rerun_total", "frame") == 0
    assert until(lambda: ask(server, "POST", "/frame", JSON, b'[{"a": 4}]')[2] == b"[8]")


@pytest.mark.parametrize("options, extra", [([], 1), (["--widen-numbers"], 0)])
def test_integers_join_floats_when_asked(start, picky, options, extra):
    """Without the option each type is a call of its own, with it they are one; the answers are equal as numbers either way."""
    server = start(picky, "--workers", "1", "--mb-max-latency", "20000", *options)
    answers = at_once(server, "frame", [1, 2.5, 3, 4.5])
    assert {v: json.loads(answers[v][2])[0] for v in answers} == {999: 1998, 1: 2, 2.5: 5, 3: 6, 4.5: 9}
    assert metric(server, "batch_split_total", "frame") == extra


LEAVING = """
import asyncio, time, bentoml
from bentoml.adapters import BaseInputAdapter, DataframeInput, JsonInput
from bentoml.types import InferenceError, InferenceResult, InferenceTask

KINDS = {-1: SystemExit, -2: asyncio.CancelledError, -3: KeyboardInterrupt, -4: GeneratorExit}

class Unprintable(BaseException):
    def __str__(self):
        raise SystemExit("no text")

def leave(values):
    if 999 in values:
        time.sleep(0.4)
    for value in values:
        if value < 0:
            raise KINDS.get(value, Unprintable)("left")

class Leaver(BaseInputAdapter):
    def from_http_request(self, req):
        task = InferenceTask(data=req.parsed_json["a"])
        if task.data < 0:
            leave([task.data])
        return task

    def extract_user_func_args(self, tasks):
        return ([t.data for t in tasks if not t.is_discarded],)

class Leaving(bentoml.BentoService):
    @bentoml.api(input=DataframeInput(), batch=True)
    def frame(self, df):
        leave(df["a"].tolist())
        return df["a"].tolist()

    @bentoml.api(input=JsonInput(), batch=True)
    def values(self, items):
        leave([i["a"] for i in items])
        return [i["a"] for i in items]

    @bentoml.api(input=JsonInput(), batch=True)
    def lazy(self, items):
        def results():
            for item in items:
                leave([item["a"]])
                yield item["a"]
        return results()

    @bentoml.api(input=JsonInput(), batch=False)
    def single(self, item):
        leave([item["a"]])
        return item["a"]

    @bentoml.api(input=JsonInput(), batch=True)
    def half(self, items):
        return [InferenceResult(data="\\ud83d" if i["a"] == 1 else "whole", http_status=200) for i in items]

    @bentoml.api(input=JsonInput(), batch=True)
    def half_error(self, items):
        return [InferenceError(err_msg="\\ud83d", http_status=400) for i in items]

    @bentoml.api(input=DataframeInput(), batch=True)
    def half_frame(self, df):
        return ["\\ud83d" if a == 1 else "whole" for a in df["a"]]

    @bentoml.api(input=DataframeInput(), batch=True)
    def odd(self, df):
        if (df["a"] == 999).any():
            time.sleep(1.0)
        made = {2: {"data": object()}, 3: {"data": "x", "http_headers": {"A": "b\\r\\nC: d"}}, 4: {"data": "x", "http_status": 42}}
        return [InferenceResult(**dict({"data": str(a), "http_status": 200}, **made.get(a, {}))) for a in df["a"]]

    @bentoml.api(input=Leaver(), batch=True)
    def adapter(self, items):
        leave(items)
        return items
"""


@pytest.fixture(scope="module")
def leaving(home, tmp_path_factory, start):
    folder = tmp_path_factory.mktemp("leaving")
    (folder / "leaving_service.py").write_text(LEAVING)
    env = dict(environment(home), PYTHONPATH=str(folder))
    subprocess.run([sys.executable, "-c", "import leaving_service; leaving_service.Leaving().save()"], env=env, check=True)
    return start("Leaving:latest", "--workers", "1", "--mb-max-latency", "20000")


@pytest.mark.parametrize("api", ["frame", "values", "lazy", "single", "adapter"])
@pytest.mark.parametrize("kind", [-1, -2, -3, -4, -5], ids=["exit", "cancelled", "interrupt", "generator", "unprintable"])
def test_leaving_is_failing(leaving, api, kind):
    """sys.exit() and the like in user code fail the request, not the worker."""
    before = leaving.workers()
    row = {"a": 1}

    def body(value):
        return json.dumps([dict(row, a=value)] if api == "frame" else dict(row, a=value)).encode()

    answers = {}

    def post(value):
        answers[value] = ask(leaving, "POST", "/" + api, JSON, body(value))

    threads = []
    for value in (999, 1, kind, 2):
        threads.append(threading.Thread(target=post, args=(value,)))
        threads[-1].start()
        if value == 999:
            time.sleep(0.15)
    for t in threads:
        t.join(30)
    assert {v: answers[v][0] for v in answers} == {999: 200, 1: 200, kind: 500, 2: 200}
    assert b"Traceback" not in answers[kind][2]
    if api in ("frame", "values", "single"):
        assert answers[kind][2].startswith(b"Exception happened in API function: ")
    assert leaving.workers() == before


def test_half_a_surrogate_pair_is_the_service_s_fault(leaving):
    for api in ("half", "half_error", "half_frame"):
        status, _, text = ask(leaving, "POST", "/" + api, JSON, b'[{"a": 1}]' if api == "half_frame" else b'{"a": 1}')
        assert status == 500 and text, (api, status, text)
    assert ask(leaving, "POST", "/half", JSON, b'{"a": 2}')[2] == b"whole"
    assert ask(leaving, "POST", "/half_frame", JSON, b'[{"a": 2}]')[2] == b'["whole"]'


def test_a_result_that_cannot_be_sent_fails_alone(leaving):
    """Whatever is wrong with it shows only when neighbours of the call are answered already."""
    before = leaving.workers()
    fine = [1, 5, 6, 7, 8, 9, 10, 11]
    answers = at_once(leaving, "odd", fine + [2, 3, 4])
    assert {v: answers[v][0] for v in answers} == {v: 500 if v in (2, 3, 4) else 200 for v in answers}
    assert [answers[v][2] for v in fine] == [b"%d" % v for v in fine] and leaving.workers() == before


def failures(server, api):
    """What the server's log says about failures of an API; each of its lines is JSON."""
    lines = [json.loads(line) for line in server.text().splitlines()]
    return [line for line in lines if line["component"] == "worker" and line.get("api") == api]


def test_failures_are_logged_as_json(start, picky):
    server = start(picky, "--workers", "1", "--mb-max-latency", "20000")
    (pid,) = server.workers()
    answers = at_once(server, "values", [1, 2, 3, 4, 5, 6, -7])
    merged, alone = failures(server, "values")
    ids = {answers[v][1]["x-request-id"] for v in answers if v != 999}
    assert merged["requests"] == 7 and len(merged["request_ids"]) == 5 and set(merged["request_ids"]) < ids
    assert alone["request_ids"] == [answers[-7][1]["x-request-id"]] and alone["requests"] == 1
    for line in (merged, alone):
        assert (line["level"], line["pid"], line["error"]) == ("error", pid, "ValueError: negative")
        assert line["traceback"].startswith("Traceback (most recent call last):\n") and "in values" in line["traceback"]
    status, fields, _ = ask(server, "POST", "/frame", JSON, b'[{"a": -1}]')
    assert status == 500 and [line["request_ids"] for line in failures(server, "frame")] == [[fields["x-request-id"]]]


def test_a_storm_of_failures_is_counted(start, picky):
    server = start(picky, "--workers", "1")
    for _ in range(60):
        assert ask(server, "POST", "/values", JSON, b'{"a": -1}')[0] == 500

    def left_out():
        return sum(json.loads(line).get("count", 0) for line in server.text().splitlines() if "left out" in line)

    assert until(lambda: left_out() + len(failures(server, "values")) == 60)
    assert left_out() > 0
