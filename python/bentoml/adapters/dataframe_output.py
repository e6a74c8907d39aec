"""DataFrame output."""
import json
from typing import Any, Dict, List, Sequence

from bentoml.adapters.base_output import MISMATCH
from bentoml.adapters.json_output import JsonOutput
from bentoml.types import InferenceError, InferenceResult, InferenceTask

ORIENTS = ("dict", "list", "series", "split", "records", "index", "columns", "values", "table")


def frame_to_json(value: Any, orient: str) -> str:
    """A frame or series in an orient; anything else as plain JSON."""
    import pandas as pd

    if isinstance(value, pd.Series):
        value = pd.DataFrame(value)
    if isinstance(value, pd.DataFrame):
        return value.to_json(orient=orient)
    return json.dumps(value)


def rows_of(value: Any, start: int, count: int) -> Any:
    """Rows of one request. A frame whose rows are simply numbered is numbered from 0 again, as if it had been alone."""
    import pandas as pd

    if not isinstance(value, (pd.DataFrame, pd.Series)):
        return value[start : start + count]
    part = value.iloc[start : start + count]
    numbered = isinstance(value.index, pd.RangeIndex) and value.index.start == 0 and value.index.step == 1
    return part.reset_index(drop=True) if numbered and start else part


class DataframeOutput(JsonOutput):
    """Answers with the JSON of a frame."""

    def __init__(self, output_orient: str = "records", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.output_orient = output_orient
        assert output_orient in ORIENTS, "output_orient must be one of %s" % (ORIENTS,)

    @property
    def config(self) -> Dict[str, Any]:
        return {"output_orient": self.output_orient}

    @property
    def pip_dependencies(self) -> List[str]:
        return ["pandas"]

    def pack_user_func_return_value(self, return_result: Any, tasks: Sequence[InferenceTask]) -> List[InferenceResult]:
        results: List[InferenceResult] = []
        start = 0
        for task in tasks:
            count = 1 if task.batch is None else task.batch
            try:
                part = rows_of(return_result, start, count)
                if count and not len(part):
                    raise ValueError(MISMATCH)
                if task.batch is None and isinstance(part, (list, tuple)):
                    part = part[0]
                data = frame_to_json(part, self.output_orient)
                results.append(InferenceResult(data=data, http_status=200, task_id=task.task_id))
            except Exception as e:  # noqa: BLE001 (whatever the value's own methods raise fails this result alone)
                results.append(InferenceError(err_msg=str(e), http_status=500, task_id=task.task_id))
            start += count
        return results
