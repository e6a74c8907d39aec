"""Text input."""
import codecs
from typing import Any, Iterator, Sequence, Tuple

from bentoml.adapters.base_input import BaseInputAdapter, parse_cli_input
from bentoml.adapters.utils import inflate
from bentoml.types import FileLike, HTTPRequest, InferenceTask, parse_form_data


def guess_decode(data: bytes) -> str:
    """UTF-8, or what a byte order mark says."""
    for mark, name in ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if data.startswith(mark):
            return data.decode(name)
    return data.decode("utf-8")


class StringInput(BaseInputAdapter):
    """Passes the body as text: `str` per request, `list[str]` in batch mode.

    A multipart body must hold exactly one file; otherwise the charset of Content-Type counts, UTF-8 by default.
    """

    def _name(self) -> str:
        return type(self).__name__

    def from_http_request(self, req: HTTPRequest) -> InferenceTask:
        refused = inflate(req)
        if refused:
            return refused
        task = InferenceTask(http_headers=req.headers)
        body = req.body
        charset = req.headers.charset or "utf-8"
        if req.headers.content_type == "multipart/form-data":
            _, _, files = parse_form_data(req)
            if len(files) != 1:
                return task.discard(
                    http_status=400, err_msg="BentoML#%s accepts one text file at a time" % self._name()
                )
            body = next(iter(files.values())).read()
            charset = ""
        return self._decode(task, body, charset)

    def _decode(self, task: InferenceTask, body: bytes, charset: str) -> InferenceTask:
        try:
            task.data = body.decode(charset) if charset else guess_decode(body)
        except UnicodeDecodeError:
            return task.discard(
                http_status=400, err_msg="%s: UnicodeDecodeError for %s" % (self._name(), repr(body[:1000]))
            )
        except LookupError:
            return task.discard(http_status=400, err_msg="%s: Unsupported charset %s" % (self._name(), charset))
        return task

    def from_aws_lambda_event(self, event: Any) -> InferenceTask:
        return InferenceTask(aws_lambda_event=event, data=event.get("body", ""))

    def from_inference_job(self, input_: Any = None, input_file: Any = None, **extra: Any) -> Iterator[InferenceTask]:
        for text in input_ or ():
            yield InferenceTask(inference_job_args=extra, data=text)
        for path in input_file or ():
            yield self._from_file(FileLike(uri="file://" + str(path)), inference_job_args=extra)

    def _from_file(self, file: FileLike, **kwargs: Any) -> InferenceTask:
        task = InferenceTask(**kwargs)
        data = file.read()
        file.close()
        return self._decode(task, data, "")

    def from_cli(self, cli_args: Tuple[str, ...]) -> Iterator[InferenceTask]:
        for file in parse_cli_input(cli_args):
            yield self._from_file(file, cli_args=cli_args, inference_job_args={})

    def extract_user_func_args(self, tasks: Sequence[InferenceTask]) -> Tuple[Any, ...]:
        return ([t.data for t in tasks if not t.is_discarded],)
