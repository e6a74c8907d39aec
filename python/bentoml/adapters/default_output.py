"""Output by type of the returned value."""
from typing import Any, List, Sequence

from bentoml.adapters.base_output import BaseOutputAdapter
from bentoml.adapters.dataframe_output import DataframeOutput
from bentoml.adapters.json_output import JsonOutput
from bentoml.types import InferenceResult, InferenceTask


def is_pandas(value: Any) -> bool:
    """Whether it is a frame or series, without importing pandas for it."""
    import sys

    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, (pandas.DataFrame, pandas.Series))


class DefaultOutput(BaseOutputAdapter):
    """Frames and series as DataframeOutput, anything else as JsonOutput; decided for each call."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.json = JsonOutput()
        self.frame = DataframeOutput()

    def choose(self, value: Any) -> BaseOutputAdapter:
        return self.frame if is_pandas(value) else self.json

    def pack_user_func_return_value(self, return_result: Any, tasks: Sequence[InferenceTask]) -> List[InferenceResult]:
        return self.choose(return_result).pack_user_func_return_value(return_result, tasks)
