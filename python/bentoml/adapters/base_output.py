"""The base of output adapters."""
import argparse
import sys
from typing import Any, Dict, List, Sequence

from bentoml.exceptions import APIDeprecated
from bentoml.types import HTTPResponse, InferenceResult, InferenceTask

MISMATCH = "The return values of Api Function doesn't match tasks"


def regroup_return_value(values: Any, tasks: Sequence[InferenceTask]) -> Any:
    """Yields (value, task): one value for a task without `batch`, a tuple of k values for batch k."""
    iterator = iter(values)
    pairs = []
    try:
        for task in tasks:
            if task.batch is None:
                pairs.append((next(iterator), task))
            else:
                pairs.append((tuple(v for _, v in zip(range(task.batch), iterator)), task))
    except StopIteration:
        for task in tasks:
            task.discard(http_status=500, err_msg=MISMATCH)
        return iter(())
    return iter(pairs)


class BaseOutputAdapter:
    """Turns what the user function returned into one result per task, and results into responses."""

    def __init__(self, cors: Any = None) -> None:
        if cors is not None:
            raise APIDeprecated("setting cors from the output adapter is no longer supported")

    @property
    def config(self) -> Dict[str, Any]:
        return {}

    @property
    def pip_dependencies(self) -> List[str]:
        return []

    def pack_user_func_return_value(self, return_result: Any, tasks: Sequence[InferenceTask]) -> List[InferenceResult]:
        raise NotImplementedError

    def to_http_response(self, result: InferenceResult) -> HTTPResponse:
        return HTTPResponse.new(
            status=result.http_status, headers=result.http_headers, body=result.err_msg or result.data
        )

    def to_cli(self, results: Sequence[InferenceResult]) -> int:
        """Print one result per line; 1 when one of them is an error."""
        flag = 0
        for result in results:
            print(result.err_msg or result.data)
            flag |= bool(result.cli_status)
        sys.stdout.flush()
        return int(flag)

    def to_aws_lambda_event(self, result: InferenceResult) -> Dict[str, Any]:
        return {
            "statusCode": result.http_status,
            "body": result.err_msg or result.data,
            "headers": {"Access-Control-Allow-Origin": "*"},
        }


def output_option(cli_args: Any) -> str:
    """The value of -o/--output."""
    parser = argparse.ArgumentParser(prog="bentoml", add_help=False)
    parser.add_argument("-o", "--output", choices=["str", "json"], default="json")
    return parser.parse_known_args(list(cli_args or ()))[0].output
