"""Lines about failures of user code: their shape, and that a storm of them is counted instead of written."""
import json
import os
import re
import threading

import pytest
from bentoml._failures import ERROR_MAX, PER_SECOND, TRACEBACK_MAX, FailureLog


def failure(error):
    try:
        raise error
    except BaseException as e:
        return e


class Lines(list):
    now = 100.0

    def log(self):
        return FailureLog(lambda raw: self.append(raw), lambda: self.now)

    def parsed(self):
        assert all(raw.endswith(b"\n") and raw.count(b"\n") == 1 and len(raw) <= 16384 for raw in self)
        return [json.loads(raw) for raw in self]


def test_a_line():
    lines = Lines()
    lines.log().write("predict", ["a", "b", "c", "d", "e", "f"], 9, failure(ValueError("h\u00fcbsch\n\x1b\ud83d")))
    (line,) = lines.parsed()
    assert list(line)[:4] == ["time", "level", "component", "message"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert (line["level"], line["component"], line["pid"]) == ("error", "worker", os.getpid())
    assert (line["api"], line["request_ids"], line["requests"]) == ("predict", ["a", "b", "c", "d", "e"], 9)
    assert line["error"] == "ValueError: h\u00fcbsch\n\x1b\ud83d"
    assert line["traceback"].startswith("Traceback (most recent call last):\n") and "in failure" in line["traceback"]
    assert b"\x1b" not in lines[0]


def test_long_ones_are_shortened():
    lines = Lines()
    lines.log().write("a", [], 1, failure(ValueError("start" + "x" * 100000 + "end")))
    (line,) = lines.parsed()
    assert len(line["error"]) == ERROR_MAX and len(line["traceback"]) <= TRACEBACK_MAX + 5
    assert line["traceback"].startswith("Traceback") and line["traceback"].endswith("end\n")


@pytest.mark.parametrize("kind", [ValueError, SystemExit])
def test_an_exception_without_a_text(kind):
    class Mute(Exception):
        def __str__(self):
            raise kind("no")

        __repr__ = __str__

    lines = Lines()
    lines.log().write("a", [], 1, failure(Mute()))
    (line,) = lines.parsed()
    assert line["error"] == "Mute" and "in failure" in line["traceback"]


def test_a_storm_is_counted():
    lines = Lines()
    log = lines.log()
    for second in range(3):
        lines.now = 100.0 + second
        for _ in range(PER_SECOND + second):
            log.write("a", [], 1, failure(ValueError("x")))
    messages = [(line["message"], line.get("count")) for line in lines.parsed()]
    failed, left = ("user code failed", None), "failures of user code left out"
    assert messages == [failed] * (2 * PER_SECOND) + [(left, 1)] + [failed] * PER_SECOND
    log.flush()
    assert lines.parsed()[-1]["count"] == 2
    log.flush()
    assert len(lines) == 3 * PER_SECOND + 2


def test_the_count_comes_out_without_another_failure():
    said = threading.Event()
    log = FailureLog(lambda raw: said.set() if b"left out" in raw else None)
    for _ in range(PER_SECOND + 1):
        log.write("a", [], 1, failure(ValueError("x")))
    assert not said.is_set() and said.wait(10)
