"""JSON input."""
import json
from typing import Any, Sequence, Tuple

from bentoml.adapters.string_input import StringInput
from bentoml.types import InferenceTask


class JsonInput(StringInput):
    """Passes the parsed body: one value per request, a list of values in batch mode."""

    def extract_user_func_args(self, tasks: Sequence[InferenceTask]) -> Tuple[Any, ...]:
        values = []
        for task in tasks:
            if task.is_discarded:
                continue
            try:
                value = json.loads(task.data)
                if "\\ud" in task.data or "\\uD" in task.data:
                    json.dumps(value, ensure_ascii=False).encode("utf-8")  # half a surrogate pair is no text
            except (ValueError, RecursionError):
                task.discard(http_status=400, err_msg="Not a valid JSON format")
                continue
            values.append(value)
        return (values,)
