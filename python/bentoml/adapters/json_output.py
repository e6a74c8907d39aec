"""JSON output."""
import json
from typing import Any, List, Optional, Sequence

from bentoml.adapters.base_output import BaseOutputAdapter, output_option, regroup_return_value
from bentoml.adapters.utils import NumpyJsonEncoder
from bentoml.types import InferenceError, InferenceResult, InferenceTask


class JsonOutput(BaseOutputAdapter):
    """Answers with JSON; NumPy values are understood."""

    def __init__(self, ensure_ascii: bool = False, charset: Optional[str] = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ensure_ascii = ensure_ascii
        self.charset = charset

    @property
    def content_type(self) -> str:
        return "application/json" + ("; charset=%s" % self.charset if self.charset else "")

    def dumps(self, value: Any) -> str:
        return json.dumps(value, cls=NumpyJsonEncoder, ensure_ascii=self.ensure_ascii)

    def pack_user_func_return_value(self, return_result: Any, tasks: Sequence[InferenceTask]) -> List[InferenceResult]:
        results: List[InferenceResult] = []
        for value, task in regroup_return_value(return_result, tasks):
            try:
                as_text = task.cli_args and output_option(task.cli_args) == "str"
                data = str(value) if as_text else self.dumps(value)
                headers = {"Content-Type": self.content_type}
                results.append(InferenceResult(data=data, http_status=200, http_headers=headers, task_id=task.task_id))
            except AssertionError as e:
                results.append(InferenceError(err_msg=str(e), http_status=400, task_id=task.task_id))
            except Exception as e:  # noqa: BLE001 (whatever the value's own methods raise fails this result alone)
                results.append(InferenceError(err_msg=str(e), http_status=500, task_id=task.task_id))
        return results
