"""What a worker says on stderr about failures of user code: one JSON line each, laid out as the server's own lines are.

A service that fails on every request must not drown the log: of each second the first ten failures are written, the others counted.
"""
import datetime
import json
import os
import threading
import time
import traceback
from typing import Any, Callable, Optional, Sequence

PER_SECOND = 10
IDS_MAX = 5
ERROR_MAX = 1000
TRACEBACK_MAX = 12000  # a line fits into 16 KiB, as the server's lines do, unless nearly all of it must be escaped


def _emit(line: bytes) -> None:
    try:
        os.write(2, line)
    except OSError:
        pass  # nowhere left to say it


def _shortened(text: str, size: int) -> str:
    """The last lines say most, the first ones where it began."""
    return text if len(text) <= size else text[: size // 4] + "\n...\n" + text[-(size * 3 // 4) :]


def _error_of(error: BaseException) -> str:
    try:
        return "%s: %s" % (type(error).__name__, error)
    except BaseException:  # noqa: BLE001 (str() of an exception is user code)
        return type(error).__name__


def _traceback_of(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(type(error), error, error.__traceback__))
    except BaseException:  # noqa: BLE001 (as above)
        return "".join(traceback.format_tb(error.__traceback__))


class FailureLog:
    """The failures of one worker process."""

    def __init__(self, emit: Callable[[bytes], None] = _emit, clock: Callable[[], float] = time.monotonic) -> None:
        self._emit = emit
        self._clock = clock
        self._lock = threading.Lock()
        self._since = float("-inf")
        self._written = 0
        self._left_out = 0
        self._timer: Optional[threading.Timer] = None

    def _line(self, message: str, **fields: Any) -> None:
        now = datetime.datetime.now(datetime.timezone.utc)
        head = {
            "time": "%s.%03dZ" % (now.strftime("%Y-%m-%dT%H:%M:%S"), now.microsecond // 1000),
            "level": "error",
            "component": "worker",
            "message": message,
            "pid": os.getpid(),
        }
        self._emit(json.dumps(dict(head, **fields), separators=(",", ":")).encode("ascii") + b"\n")

    def _admit(self) -> bool:
        """Whether there is room for one more in this second."""
        now = self._clock()
        if now - self._since >= 1:
            self._say_left_out()
            self._since, self._written = now, 0
        if self._written < PER_SECOND:
            self._written += 1
            return True
        self._left_out += 1
        if self._timer is None:  # there may be no later failure to bring the count out
            timer = threading.Timer(max(self._since + 1 - now, 0), self.flush)
            timer.daemon = True
            try:
                timer.start()
                self._timer = timer
            except RuntimeError:
                pass  # no thread to be had: the next second's first failure says it
        return False

    def _say_left_out(self) -> None:
        if self._left_out:
            self._line("failures of user code left out", count=self._left_out)
            self._left_out = 0

    def flush(self) -> None:
        """Say how many were left out so far."""
        with self._lock:
            self._timer = None
            self._say_left_out()

    def write(self, api: str, ids: Sequence[str], count: int, error: BaseException) -> None:
        """A failure of a call for `count` requests, of which `ids` names the first."""
        with self._lock:
            if not self._admit():
                return
            self._line(
                "user code failed",
                api=api,
                request_ids=list(ids[:IDS_MAX]),
                requests=count,
                error=_error_of(error)[:ERROR_MAX],
                traceback=_shortened(_traceback_of(error), TRACEBACK_MAX),
            )
