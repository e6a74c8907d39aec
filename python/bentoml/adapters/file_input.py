"""File input."""
from typing import Any, Dict, Iterator, Sequence, Tuple

from bentoml.adapters.base_input import BaseInputAdapter, parse_cli_input
from bentoml.adapters.utils import inflate
from bentoml.types import FileLike, HTTPRequest, InferenceTask, parse_form_data


class FileInput(BaseInputAdapter):
    """Passes a FileLike per request: the one file of a multipart body, or the raw body."""

    HTTP_METHODS = ["POST"]

    @property
    def request_schema(self) -> Dict[str, Any]:
        return {
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
            },
            "*/*": {"schema": {"type": "string", "format": "binary"}},
        }

    def from_http_request(self, req: HTTPRequest) -> InferenceTask:
        refused = inflate(req)
        if refused:
            return refused
        task = InferenceTask(http_headers=req.headers)
        name = type(self).__name__
        if req.headers.content_type == "multipart/form-data":
            _, _, files = parse_form_data(req)
            if len(files) != 1:
                text = "BentoML#%s requires one and at least one file at a time, if you just upgraded from bentoml 0.7, you may need to use MultiFileInput or MultiImageInput instead"
                return task.discard(http_status=400, err_msg=text % name)
            task.data = next(iter(files.values()))
        elif req.body:
            task.data = FileLike(bytes_=req.body, name="")
        else:
            return task.discard(http_status=400, err_msg="BentoML#%s unexpected HTTP request format" % name)
        return task

    def from_aws_lambda_event(self, event: Any) -> InferenceTask:
        import base64

        body = event.get("body", "")
        data = base64.decodebytes(body if isinstance(body, bytes) else body.encode("ascii"))
        return InferenceTask(aws_lambda_event=event, data=FileLike(bytes_=data))

    def from_cli(self, cli_args: Tuple[str, ...]) -> Iterator[InferenceTask]:
        for file in parse_cli_input(cli_args):
            yield InferenceTask(cli_args=cli_args, data=file, inference_job_args={})

    def extract_user_func_args(self, tasks: Sequence[InferenceTask]) -> Tuple[Any, ...]:
        return (tuple(t.data for t in tasks if not t.is_discarded),)
