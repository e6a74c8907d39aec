"""Several named files per request."""
from typing import Any, Dict, Iterator, Sequence, Tuple

from bentoml.adapters.base_input import BaseInputAdapter, parse_cli_inputs
from bentoml.adapters.utils import inflate
from bentoml.types import HTTPRequest, InferenceTask, parse_form_data


class MultiFileInput(BaseInputAdapter):
    """Passes one FileLike per name, positionally."""

    HTTP_METHODS = ["POST"]

    def __init__(self, input_names: Sequence[str], allow_none: bool = False, **base_config: Any) -> None:
        super().__init__(**base_config)
        self.input_names = list(input_names)
        self.allow_none = allow_none

    @property
    def config(self) -> Dict[str, Any]:
        return {"input_names": self.input_names}

    @property
    def request_schema(self) -> Dict[str, Any]:
        files = {name: {"type": "string", "format": "binary"} for name in self.input_names}
        return {"multipart/form-data": {"schema": {"type": "object", "properties": files}}}

    def from_http_request(self, req: HTTPRequest) -> InferenceTask:
        refused = inflate(req)
        if refused:
            return refused
        task = InferenceTask(http_headers=req.headers)
        name = type(self).__name__
        if req.headers.content_type != "multipart/form-data":
            text = "BentoML#%s only accepts requests with Content-Type: multipart/form-data" % name
            return task.discard(http_status=400, err_msg=text)
        _, _, files = parse_form_data(req)
        chosen = tuple(files.get(n) for n in self.input_names)
        if not any(chosen) or (not self.allow_none and not all(chosen)):
            return task.discard(http_status=400, err_msg="BentoML#%s requires inputs fields %s" % (name, self.input_names))
        task.data = chosen
        return task

    def from_aws_lambda_event(self, event: Any) -> InferenceTask:
        body = event.get("body", b"")
        request = HTTPRequest(event.get("headers"), body if isinstance(body, bytes) else body.encode("latin-1"))
        task = self.from_http_request(request)
        task.aws_lambda_event = event
        return task

    def from_cli(self, cli_args: Tuple[str, ...]) -> Iterator[InferenceTask]:
        for files in parse_cli_inputs(cli_args, self.input_names):
            yield InferenceTask(cli_args=cli_args, data=files, inference_job_args={})

    def extract_user_func_args(self, tasks: Sequence[InferenceTask]) -> Tuple[Any, ...]:
        data = [t.data for t in tasks if not t.is_discarded]
        return tuple(zip(*data)) if data else tuple(() for _ in self.input_names)
