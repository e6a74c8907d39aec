"""How a worker executes a job: decode each request alone, merge what agrees, call the user function, answer each request.

The common road (DataframeInput, results as arrays) makes no Python object per request. Every other adapter takes the general
road through InferenceTask. Whatever happens to a request never reaches its neighbours: when the function fails on a merged
batch, or returns a wrong number of results, it is run again request by request. User code fails with any BaseException: SystemExit
or a cancelled task of an event loop would end the worker and take the neighbours along.
"""
import os
import sys
import time
from typing import Any, Callable, List, Optional, Sequence, Tuple

from bentoml._failures import IDS_MAX, FailureLog
from bentoml._pandas import build_frame
from bentoml.adapters.base_output import MISMATCH
from bentoml.adapters.dataframe_input import DataframeInput, Refused
from bentoml.adapters.dataframe_output import DataframeOutput, frame_to_json, rows_of
from bentoml.adapters.default_output import DefaultOutput, is_pandas
from bentoml.adapters.json_output import JsonOutput
from bentoml.adapters.utils import INFLATED_TOO_LARGE
from bentoml.exceptions import BentoMLException
from bentoml.service.inference_api import InferenceAPI, text_of
from bentoml.types import HTTPHeaders, HTTPRequest, HTTPResponse, InferenceResult, InferenceTask

FLAG_GZIP, FLAG_MULTIPART, FLAG_CHARSET = 2, 4, 8
TYPE_NONE, TYPE_JSON, TYPE_TEXT, TYPE_HEADERS = 0, 1, 2, 3
GENERIC_ERROR = "An error has occurred in BentoML user code when handling this request, find the error details in server logs"
RERUN = os.environ.get("BENTO_BATCH_RERUN", "1") != "0"


def _is_plain_array(value: Any) -> bool:
    """Arrays whose slices list themselves as NumPy's own do. Models that joblib maps from their files answer with memmaps."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and type(value) in (numpy.ndarray, numpy.memmap)


class Mismatch(Exception):
    """The function returned a wrong number of results."""


class Executor:
    """Executes jobs of one API on a link to the server."""

    def __init__(self, api: InferenceAPI, link: Any, log: Optional[FailureLog] = None) -> None:
        self.api = api
        self.link = link
        self.log = log or FailureLog()
        self.calling: Sequence[int] = ()  # requests of the call that is running, for the log
        api.report = self._report
        self.user_ns = 0
        self.groups = 0
        self.reruns = 0
        self.frames = type(api.input_adapter) is DataframeInput and api.batch and not api.wants_tasks
        self.plain_json = type(api.output_adapter) in (DefaultOutput, JsonOutput) and getattr(
            api.output_adapter, "charset", None
        ) is None

    def run(self, count: int) -> None:
        """Answer all requests of the current job."""
        self.user_ns = self.groups = self.reruns = 0
        if self.frames:
            self._run_frames(count)
        elif self.api.batch:
            self._run_tasks(list(range(count)))
        else:
            for i in range(count):
                self._run_tasks([i])
        self.link.done(self.user_ns, max(self.groups, 1), self.reruns)

    def _report(self, error: BaseException) -> None:
        ids = [self.link.task_id(i) for i in self.calling[:IDS_MAX]]
        self.log.write(self.api.name, ids, len(self.calling), error)

    # ---- frames ----

    def _run_frames(self, count: int) -> None:
        groups, refused = self.link.decode(self.api.input_adapter.decoder)
        for i, code in refused:
            self._refuse(i, code)
        answered = len(refused)
        for group in groups:
            answered += len(group[0])
            self._run_group(group)
        if answered < count:  # multipart bodies and foreign charsets are left to Python
            taken = {i for i, _ in refused}.union(*(g[0] for g in groups))
            self._run_tasks([i for i in range(count) if i not in taken])

    def _refuse(self, i: int, code: str) -> None:
        if code == "EIO":
            self._text(i, 400, "Gzip decompression error")
        elif code == "ETOOLARGE":
            self._text(i, 413, INFLATED_TOO_LARGE if self.link.flags(i) & FLAG_GZIP else "the body is too large")
        elif code == "ENOMEM":
            self._text(i, 503, "out of memory")
        else:
            body = self.link.body(i) if code == "EINVAL" else b""
            self._text(i, 400, self.api.input_adapter.wrong_format(body, code))

    def _text(self, i: int, status: int, text: str, rerun: bool = False) -> None:
        self.link.reply(i, status, text.encode("utf-8", "replace"), TYPE_TEXT, None, status >= 500, rerun)

    def _run_group(self, group: Tuple[Any, ...]) -> None:
        indices, rows, total = group[:3]
        frame = build_frame(group)
        try:
            frame = self.api.input_adapter.cast(frame)
        except Refused:
            if len(indices) > 1:
                self._run_alone(group)
            else:
                self._refuse(indices[0], "EINVAL")
            return
        self.groups += 1
        self.calling = indices
        self.link.started(indices)
        merged = len(indices) > 1
        try:
            value = self._call(frame)
            self._answer_frame(indices, rows, total, value, merged)
        except BaseException as e:  # noqa: BLE001 (user code: sys.exit() too)
            if merged and RERUN:
                self._run_alone(group)
                return
            text = MISMATCH if isinstance(e, Mismatch) else self.api.failure(e)
            for i in indices:
                self._text(i, 500, text)

    def _run_alone(self, group: Tuple[Any, ...]) -> None:
        """Each request of a group on a frame of its own. The frame is decoded anew: the function may have changed it."""
        groups, _ = self.link.decode(self.api.input_adapter.decoder)
        fresh = build_frame(next(g for g in groups if g[0] == group[0]))
        start = 0
        for i, count in zip(group[0], group[1]):
            self.reruns += 1
            self.calling = (i,)
            part = fresh.iloc[start : start + count].reset_index(drop=True).copy()
            start += count
            try:
                value = self._call(self.api.input_adapter.cast(part))
                self._answer_frame((i,), (count,), count, value, False, True)
            except Refused:
                self._refuse(i, "EINVAL")
            except BaseException as e:  # noqa: BLE001 (user code: sys.exit() too)
                self._text(i, 500, MISMATCH if isinstance(e, Mismatch) else self.api.failure(e), True)

    def _call(self, *args: Any) -> Any:
        began = time.perf_counter_ns()
        try:
            return self.api.user_func(*args)
        finally:
            self.user_ns += time.perf_counter_ns() - began

    def _answer_frame(
        self, indices: Sequence[int], rows: Sequence[int], total: int, value: Any, merged: bool, rerun: bool = False
    ) -> None:
        """Answers are made completely before the first is sent: a value that fails half way can still be run again."""
        if self.plain_json and _is_plain_array(value) and self.link.reply_array(tuple(indices), tuple(rows), total, value, rerun):
            return
        if merged and hasattr(value, "__len__") and len(value) != total:
            raise Mismatch(MISMATCH)
        replies = self._frame_replies(rows, value)
        if replies is None:
            self._pack_general(indices, rows, value, merged, rerun)
            return
        for i, (body, content) in zip(indices, replies):
            self.link.reply(i, 200, body, content, None, False, rerun)

    def _frame_replies(self, rows: Sequence[int], value: Any) -> Optional[List[Tuple[bytes, int]]]:
        """Bodies by row slices where that is all there is to do; None for the general road."""
        adapter = self.api.output_adapter
        if type(adapter) is DefaultOutput:
            adapter = adapter.choose(value)
        if type(adapter) is DataframeOutput and is_pandas(value):
            content = TYPE_TEXT
            encode: Callable[[Any], str] = lambda part: frame_to_json(part, adapter.output_orient)  # noqa: E731
        elif type(adapter) is JsonOutput and adapter.charset is None and isinstance(value, list) and not (
            value and isinstance(value[0], InferenceResult)
        ):
            content = TYPE_JSON
            encode = adapter.dumps
        else:
            return None
        replies = []
        start = 0
        for count in rows:
            replies.append((encode(rows_of(value, start, count)).encode("utf-8"), content))
            start += count
        return replies

    def _pack_general(self, indices: Sequence[int], rows: Sequence[int], value: Any, merged: bool, rerun: bool) -> None:
        tasks = [InferenceTask(task_id=self.link.task_id(i), batch=n) for i, n in zip(indices, rows)]
        results = self.api.pack(value, tasks)
        if len(results) != len(tasks) or any(t.is_discarded for t in tasks):
            raise Mismatch(MISMATCH)
        if merged and any(r.http_status >= 500 for r in results):
            raise Mismatch(MISMATCH)
        for i, result in zip(indices, results):
            self._deliver(i, result, rerun)

    # ---- tasks ----

    def _request(self, i: int) -> HTTPRequest:
        _, _, headers = self.link.head(i)
        return HTTPRequest(HTTPHeaders(headers), self.link.raw_body(i))

    def _task(self, i: int) -> InferenceTask:
        try:
            task = self.api.input_adapter.from_http_request(self._request(i))
        except BentoMLException as e:
            task = InferenceTask().discard(http_status=e.status_code, err_msg=str(e))
        except BaseException as e:  # noqa: BLE001 (a custom adapter: its error is this request's alone)
            self.calling = (i,)
            self._report(e)
            task = InferenceTask().discard(http_status=500, err_msg=GENERIC_ERROR)
        task.task_id = self.link.task_id(i)
        task.http_method = self.link.head(i)[0]
        return task

    def _run_tasks(self, indices: List[int]) -> None:
        """The general road. A merged failure is repeated one by one, on tasks made anew."""
        self.link.started(indices)
        self.groups += 1
        if isinstance(self.api.input_adapter, DataframeInput) and len(indices) > 1:
            for i in indices:  # frames of unlike requests are not joined
                self._answer_tasks([i], False)
            return
        self._answer_tasks(indices, False)

    def _answer_tasks(self, indices: List[int], rerun: bool) -> None:
        tasks = [self._task(i) for i in indices]
        self.calling = indices
        began = time.perf_counter_ns()
        try:
            results = self.api.infer(tasks)
        except BentoMLException as e:
            results = None
            error: Tuple[int, str] = (e.status_code, str(e))
        except BaseException as e:  # noqa: BLE001 (adapters and results of user code)
            results = None
            error = (500, MISMATCH if text_of(e) == MISMATCH else GENERIC_ERROR)
            self._report(e)
        self.user_ns += time.perf_counter_ns() - began
        failed = results is None or any(r.http_status >= 500 for r in results)
        if failed and RERUN and self.api.batch and len(indices) > 1:
            for i in indices:
                self.reruns += 1
                self._answer_tasks([i], True)
            return
        if results is None:
            for i in indices:
                self._text(i, error[0], error[1], rerun)
            return
        for i, result in zip(indices, results):
            self._deliver(i, result, rerun)

    def _deliver(self, i: int, result: InferenceResult, rerun: bool) -> None:
        """Answers one request. What cannot be sent fails here: its neighbours may have been answered, so no call is run again."""
        try:
            self._send(i, self.api.output_adapter.to_http_response(result), rerun)
        except BaseException as e:  # noqa: BLE001 (a result that is no text, a header that is none)
            self.calling = (i,)
            self._report(e)
            self._text(i, 500, GENERIC_ERROR, rerun)

    def _send(self, i: int, response: HTTPResponse, rerun: bool) -> None:
        body: Any = response.body
        if body is None:
            body = b""
        if isinstance(body, str):
            try:
                body = body.encode("utf-8")
            except UnicodeEncodeError:
                self._text(i, 500, "the result is no valid text", rerun)
                return
        if not isinstance(body, (bytes, bytearray)):
            raise TypeError("a result's data must be str or bytes, not %s" % type(body).__name__)
        headers = [(k, v) for k, v in response.headers.items()]
        if len(headers) == 1 and headers[0] == ("Content-Type", "application/json"):
            content, headers = TYPE_JSON, []
        elif any(k.lower() == "content-type" for k, _ in headers):
            content = TYPE_HEADERS
        else:
            content = TYPE_TEXT
        self.link.reply(i, response.status or 500, bytes(body), content, headers or None, response.status >= 500, rerun)
