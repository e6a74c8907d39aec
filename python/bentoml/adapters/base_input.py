"""The base of input adapters."""
import argparse
import sys
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from bentoml.types import FileLike, HTTPRequest, InferenceTask


class BaseInputAdapter:
    """Turns requests, command lines and events into tasks, and tasks into arguments of the user function.

    Subclasses implement from_http_request, from_aws_lambda_event, from_inference_job and extract_user_func_args. Errors are
    expressed by discarding the task.
    """

    HTTP_METHODS = ["POST", "GET"]
    BATCH_MODE_SUPPORTED = True
    SINGLE_MODE_SUPPORTED = True

    def __init__(self, http_input_example: Any = None, **base_config: Any) -> None:
        self._config = base_config
        self._http_input_example = http_input_example
        self.custom_request_schema = base_config.get("request_schema")

    @property
    def config(self) -> Dict[str, Any]:
        return self._config

    @property
    def request_schema(self) -> Dict[str, Any]:
        return {"application/json": {"schema": {"type": "object"}}}

    @property
    def pip_dependencies(self) -> List[str]:
        return []

    def from_http_request(self, req: HTTPRequest) -> InferenceTask:
        raise NotImplementedError

    def from_aws_lambda_event(self, event: Any) -> InferenceTask:
        raise NotImplementedError

    def from_inference_job(self, input_: Any = None, input_file: Any = None, **extra: Any) -> Iterator[InferenceTask]:
        raise NotImplementedError

    def from_cli(self, cli_args: Tuple[str, ...]) -> Iterator[InferenceTask]:
        raise NotImplementedError

    def validate_task(self, task: InferenceTask) -> None:
        """A hook that may raise AssertionError; kept for subclasses, not called by the engine."""

    def extract_user_func_args(self, tasks: Sequence[InferenceTask]) -> Tuple[Any, ...]:
        raise NotImplementedError

    def iter_batch_args(self, args: Tuple[Any, ...], tasks: Sequence[InferenceTask]) -> Iterable[Tuple[Any, ...]]:
        """Arguments of each task, for batch=False."""
        return zip(*args)


def live(tasks: Iterable[InferenceTask]) -> List[InferenceTask]:
    """The tasks that were not discarded."""
    return [t for t in tasks if not t.is_discarded]


def cli_parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog="bentoml")


def parse_cli_input(cli_args: Iterable[str]) -> Iterator[FileLike]:
    """--input V… or --input-file F… as files."""
    parser = cli_parser()
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--input", nargs="+")
    group.add_argument("--input-file", nargs="+")
    known, _ = parser.parse_known_args(list(cli_args))
    return _files(known.input, known.input_file)


def _files(values: Optional[Sequence[str]], paths: Optional[Sequence[str]]) -> Iterator[FileLike]:
    import pathlib

    for value in values or ():
        yield FileLike(bytes_=value.encode("utf-8"))
    for path in paths or ():
        full = pathlib.Path(path).absolute()
        if not full.exists():
            raise FileNotFoundError(2, "No such file or directory", str(path))
        yield FileLike(uri=full.as_uri(), name=full.name)


def parse_cli_inputs(cli_args: Iterable[str], input_names: Sequence[str]) -> Iterator[Tuple[FileLike, ...]]:
    """--input-<name> V… or --input-file-<name> F… for each name, all of one kind and equally many."""
    parser = cli_parser()
    for name in input_names:
        flag = name.replace("_", "-")
        parser.add_argument("--input-%s" % flag, nargs="+", dest="input_" + name)
        parser.add_argument("--input-file-%s" % flag, nargs="+", dest="file_" + name)
    known, _ = parser.parse_known_args(list(cli_args))
    values = [getattr(known, "input_" + n) for n in input_names]
    paths = [getattr(known, "file_" + n) for n in input_names]
    if all(values) and not any(paths) and len({len(v) for v in values}) == 1:
        return zip(*(_files(v, None) for v in values))
    if all(paths) and not any(values) and len({len(p) for p in paths}) == 1:
        return zip(*(_files(None, p) for p in paths))
    flags = [n.replace("_", "-") for n in input_names]
    text = "\n                Insufficient arguments:\n                (%s) or\n                (%s)\n                are required\n                "
    print(
        "\033[91m" + text % (" ".join("--input-" + f for f in flags), " ".join("--input-file-" + f for f in flags)),
        file=sys.stderr,
    )
    sys.exit(1)
