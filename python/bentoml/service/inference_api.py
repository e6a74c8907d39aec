"""One API of a service: adapters around the user function."""
import inspect
import logging
import signal
import sys
import traceback
from typing import Any, Callable, List, Optional, Sequence

from bentoml.adapters.base_output import MISMATCH
from bentoml.exceptions import BentoMLConfigException
from bentoml.types import InferenceError, InferenceResult, InferenceTask

logger = logging.getLogger("bentoml")


def _accepts(func: Callable[..., Any], name: str) -> bool:
    parameters = inspect.signature(func).parameters.values()
    return any(p.name == name or p.kind is p.VAR_KEYWORD for p in parameters)


def reraise_interrupt(error: BaseException) -> None:
    """Lets the user's Ctrl-C through. Workers ignore SIGINT: there it was raised by user code and is a failure like any other."""
    if isinstance(error, KeyboardInterrupt) and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        raise error


def text_of(error: BaseException) -> str:
    """str() of an exception, which is user code too."""
    try:
        return str(error)
    except BaseException as e:  # noqa: BLE001 (as above)
        reraise_interrupt(e)
        return type(error).__name__


def print_failure(error: BaseException) -> None:
    """For a person at a terminal; workers write their own lines."""
    print("Error caught in API function:", file=sys.stderr)
    traceback.print_exception(type(error), error, error.__traceback__)


class InferenceAPI:
    """Name, route, adapters, and how the function is called."""

    def __init__(
        self,
        service: Any,
        name: str,
        doc: Optional[str],
        input_adapter: Any,
        user_func: Callable[..., Any],
        output_adapter: Any,
        mb_max_latency: int = 20000,
        mb_max_batch_size: int = 4000,
        batch: bool = False,
        route: Optional[str] = None,
    ) -> None:
        self.service = service
        self.name = name
        self.input_adapter = input_adapter
        self.output_adapter = output_adapter
        self.mb_max_latency = mb_max_latency
        self.mb_max_batch_size = mb_max_batch_size
        self.batch = batch
        self.route = route if route is not None else name
        self.user_func = user_func
        self.report: Callable[[BaseException], None] = print_failure
        self.doc = doc if doc is not None else self._generated_doc()
        if batch and not input_adapter.BATCH_MODE_SUPPORTED:
            raise BentoMLConfigException("%s does not support `batch=True`" % type(input_adapter).__name__)
        if not batch and not input_adapter.SINGLE_MODE_SUPPORTED:
            raise BentoMLConfigException("%s does not support `batch=False`, its output passed to API functions could only be a batch of data." % type(input_adapter).__name__)
        self.wants_tasks = _accepts(user_func, "tasks" if batch else "task")

    def _generated_doc(self) -> str:
        return "BentoService inference API '%s', input: '%s', output: '%s'" % (
            self.name,
            type(self.input_adapter).__name__,
            type(self.output_adapter).__name__,
        )

    @property
    def request_schema(self) -> Any:
        schema = self.input_adapter.custom_request_schema or self.input_adapter.request_schema
        if "application/json" in schema and not self.input_adapter.custom_request_schema:
            schema["application/json"]["example"] = self.input_adapter._http_input_example
        return schema

    # ---- calling ----

    def call_batch(self, args: Sequence[Any], tasks: Sequence[InferenceTask]) -> Any:
        return self.user_func(*args, tasks=tasks) if self.wants_tasks else self.user_func(*args)

    def call_single(self, args: Sequence[Any], task: InferenceTask) -> Any:
        return self.user_func(*args, task=task) if self.wants_tasks else self.user_func(*args)

    def failure(self, error: BaseException) -> str:
        """What the client is told; the traceback goes to the log."""
        self.report(error)
        return "Exception happened in API function: %s" % text_of(error)

    def pack(self, value: Any, tasks: Sequence[InferenceTask]) -> List[InferenceResult]:
        """Results of the tasks that are still live, in order."""
        remaining = [t for t in tasks if not t.is_discarded]
        if isinstance(value, (list, tuple)) and value and isinstance(value[0], InferenceResult):
            if len(value) < len(remaining):
                raise RuntimeError(MISMATCH)
            return list(value)[: len(remaining)]
        return self.output_adapter.pack_user_func_return_value(value, tasks=remaining)

    def _infer_batch(self, tasks: Sequence[InferenceTask], args: Sequence[Any]) -> List[InferenceResult]:
        usable = [t for t in tasks if not t.is_discarded]
        if not usable:
            return []
        try:
            value = self.call_batch(args, usable)
        except BaseException as e:  # noqa: BLE001 (user code may call sys.exit(); reported per task)
            reraise_interrupt(e)
            text = self.failure(e)
            for task in usable:
                task.discard(http_status=500, err_msg=text)
            return []
        return self.pack(value, usable)

    def _infer_single(self, tasks: Sequence[InferenceTask], args: Sequence[Any]) -> List[InferenceResult]:
        usable = [t for t in tasks if not t.is_discarded]
        values = []
        for task, task_args in zip(usable, self.input_adapter.iter_batch_args(args, tasks=usable)):
            try:
                value = self.call_single(task_args, task)
            except BaseException as e:  # noqa: BLE001 (user code may call sys.exit(); reported per task)
                reraise_interrupt(e)
                task.discard(http_status=500, err_msg=self.failure(e))
                continue
            if not task.is_discarded:
                values.append(value)
        remaining = [t for t in usable if not t.is_discarded]
        return self.pack(values, remaining) if remaining else []

    def infer(self, tasks: Sequence[InferenceTask]) -> List[InferenceResult]:
        """One result per task, errors of discarded ones in their places."""
        args = self.input_adapter.extract_user_func_args(tasks)
        usable = [t for t in tasks if not t.is_discarded]
        results = iter((self._infer_batch if self.batch else self._infer_single)(tasks, args) if usable else [])
        final: List[InferenceResult] = []
        for task in tasks:
            result = None if task.is_discarded else next(results, None)
            if task.is_discarded:
                result = task.error
            elif result is None:
                result = InferenceError(err_msg=MISMATCH, http_status=500)
            if result.task_id is None:
                result.task_id = task.task_id
            final.append(result)
        return final

    def cli_options(self) -> List[str]:
        """The options of handle_cli; none when an adapter of the user's own reads the command line."""
        readers = (type(self.input_adapter).from_cli, type(self.output_adapter).to_cli)
        if not all(r.__module__.startswith("bentoml.adapters.") for r in readers):
            return []
        flags = [n.replace("_", "-") for n in getattr(self.input_adapter, "input_names", ())]
        inputs = [kind + "-" + f for f in flags for kind in ("--input", "--input-file")] or ["--input", "--input-file"]
        return inputs + ["--format", "--max-batch-size", "--output", "-o"]

    def handle_cli(self, cli_args: Sequence[str]) -> int:
        """`bentoml run`: results on stdout, 1 when one of them is an error."""
        import argparse
        import itertools

        parser = argparse.ArgumentParser(prog="bentoml", add_help=False)
        parser.add_argument("--max-batch-size", type=int, default=sys.maxsize)
        known, rest = parser.parse_known_args(list(cli_args))
        tasks = iter(self.input_adapter.from_cli(tuple(rest)))
        flag = 0
        while True:
            part = list(itertools.islice(tasks, known.max_batch_size))
            if not part:
                return flag
            flag |= self.output_adapter.to_cli(self.infer(part))
