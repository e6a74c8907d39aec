"""DataFrame input: JSON and CSV bodies as pandas frames, decoded in C.

Each request is decoded and checked alone. Requests share a frame only when their columns and dtypes agree, so nothing that
a neighbour sent can change what a request means.
"""
import functools
import os
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from bentoml._pandas import build_frame
from bentoml.adapters.base_input import cli_parser
from bentoml.adapters.string_input import StringInput
from bentoml.types import InferenceTask

ORIENTS = ("split", "records", "index", "columns", "values")
_OPENAPI = (("int", "integer"), ("float", "number"), ("double", "number"), ("str", "string"), ("date", "string"), ("bool", "boolean"))
_ECHO_MAX = 4096  # characters of a refused body that its answer repeats


# Whether integers may join floats in one frame and become floats: `bentoml serve --widen-numbers`.
WIDEN = os.environ.get("BENTO_BATCH_WIDEN", "0") == "1"


@functools.lru_cache(maxsize=256)
def _numpy_dtype(kind: Any) -> Any:
    """The NumPy dtype of a declared one; None for pandas' own."""
    import numpy as np

    try:
        return np.dtype(kind)
    except TypeError:
        return None


def _whole(column: Any, dtype: Any) -> bool:
    """Whether all cells are integers that the type holds, written as 1.0: read_csv takes them."""
    import numpy as np

    values = column.to_numpy()
    limits = np.iinfo(dtype)
    inside = (values >= float(limits.min)) & (values < float(limits.max) + 1.0)
    return bool(inside.all() and (values == np.floor(values)).all())


def _holds(column: Any, kind: str, dtype: Any) -> bool:
    """Whether a column of integers fits a declared integer or bool type without a change of value."""
    import numpy as np

    low, high = (0, 1) if kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return low <= int(column.min()) and int(column.max()) <= high


class Refused(Exception):
    """A frame whose cells do not fit the adapter's dtype."""


class DataframeInput(StringInput):
    """Passes one pandas.DataFrame with the rows of all requests of the batch."""

    SINGLE_MODE_SUPPORTED = False

    def __init__(
        self,
        typ: str = "frame",
        orient: Optional[str] = None,
        columns: Optional[Sequence[str]] = None,
        dtype: Any = None,
        input_dtypes: Any = None,
        **base_config: Any,
    ) -> None:
        super().__init__(**base_config)
        dtype = dtype if dtype is not None else input_dtypes
        if typ != "frame":
            raise NotImplementedError("DataframeInput only supports typ='frame', not %r" % typ)
        assert orient is None or orient in ORIENTS, "Invalid option 'orient'='%s': valid options are %s" % (orient, ORIENTS)
        assert not columns or not dtype or isinstance(dtype, (list, tuple)) or set(dtype) == set(columns), (
            "The columns and dtype must be the same"
        )
        self.typ = typ
        self.orient = orient
        self.columns = list(columns) if columns else None
        if isinstance(dtype, (list, tuple)):
            dtype = {i: d for i, d in enumerate(dtype)}
        self.dtype = dtype
        self._decoder: Any = None

    @property
    def pip_dependencies(self) -> List[str]:
        return ["pandas"]

    @property
    def config(self) -> Dict[str, Any]:
        return dict({"orient": self.orient, "typ": self.typ, "dtype": self._dtype_config()}, **super().config)

    def _dtype_config(self) -> Any:
        if isinstance(self.dtype, dict):
            return {str(k): v if isinstance(v, str) else getattr(v, "__name__", str(v)) for k, v in self.dtype.items()}
        return self.dtype if self.dtype is None or isinstance(self.dtype, (str, bool)) else str(self.dtype)

    @property
    def request_schema(self) -> Dict[str, Any]:
        schema: Dict[str, Any] = {"type": "object"}
        if isinstance(self.dtype, dict):
            schema["properties"] = {
                str(name): {"type": "array", "items": {"type": self._openapi_type(kind)}} for name, kind in self.dtype.items()
            }
        return {
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
            },
            "application/json": {"schema": schema},
            "text/csv": {"schema": {"type": "string", "format": "binary"}},
        }

    @staticmethod
    def _openapi_type(kind: Any) -> str:
        name = kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))
        return next((t for prefix, t in _OPENAPI if name.startswith(prefix)), "object")

    # ---- decoding ----

    @property
    def decoder(self) -> Any:
        """The C decoder of this adapter's options; made on first use."""
        if self._decoder is None:
            from bentoml import _core

            self._decoder = _core.FrameDecoder(
                self.orient, self.columns, self._columns_of("O"), self._columns_of("f"), self._all_real(), WIDEN
            )
        return self._decoder

    def _kind_of(self, wanted: Any) -> str:
        """'i', 'u', 'f', 'b', or 'O' for what is read as text."""
        if wanted in (str, "str", "string", object, "object", "category"):
            return "O"
        dtype = _numpy_dtype(wanted)
        return dtype.kind if dtype is not None and dtype.kind in "iufb" else "O"

    def _columns_of(self, kind: str) -> Optional[List[str]]:
        """Columns that `dtype` gives a type of this kind."""
        if not isinstance(self.dtype, dict):
            return None
        return [str(name) for name, wanted in self.dtype.items() if self._kind_of(wanted) == kind]

    def _all_real(self) -> bool:
        """Whether one floating point type is given for all columns."""
        return not isinstance(self.dtype, (dict, bool, type(None))) and self._kind_of(self.dtype) == "f"

    def cast(self, frame: Any) -> Any:
        """Columns in the types of `dtype`, as pandas.read_csv(dtype=…) would; Refused when a cell does not fit."""
        if self.dtype is None or self.dtype is False or self.dtype is True:
            return frame
        wanted = self.dtype if isinstance(self.dtype, dict) else {c: self.dtype for c in frame.columns}
        for name, kind in wanted.items():
            if name not in frame.columns and str(name) in frame.columns:
                name = str(name)
            if name not in frame.columns:
                continue
            dtype = frame[name].dtype
            if dtype == _numpy_dtype(kind):
                continue
            have, want = dtype.kind, self._kind_of(kind)
            if have == "f" and want in "iu":
                fits = _whole(frame[name], _numpy_dtype(kind))
            elif have in "iu" and want in "iub":
                fits = _holds(frame[name], want, _numpy_dtype(kind))
            else:
                fits = want == "O" or have == want or (want == "f" and have in "iu")
            if not fits:
                raise Refused("column %r holds %s, not %s" % (name, dtype, kind))
            try:
                frame[name] = frame[name].astype(kind)
            except (TypeError, ValueError, OverflowError) as e:
                raise Refused(str(e)) from e
        return frame

    def wrong_format(self, body: Any, code: str) -> str:
        """The message of a refused body. With a header found, the client gets its own data back, as in 0.13, but never much of it."""
        if code == "EINVAL":
            text = body[: 4 * _ECHO_MAX + 4].decode("utf-8", "replace") if isinstance(body, bytes) else body
            shown = text + "." if len(text) <= _ECHO_MAX else text[:_ECHO_MAX] + "..."
            return "%s Wrong input format: %s" % (type(self).__name__, shown)
        if code == "EUNSUPPORTED":
            from bentoml import _core

            return "%s Wrong input format: more than %d columns." % (type(self).__name__, _core.COLUMNS_MAX)
        return "%s Wrong input format." % type(self).__name__

    @staticmethod
    def is_csv(task: InferenceTask) -> bool:
        if task.aws_lambda_event:
            headers = {str(k).lower(): v for k, v in (task.aws_lambda_event.get("headers") or {}).items()}
            return str(headers.get("content-type", "")).split(";")[0].strip().lower() == "text/csv"
        if task.http_headers.content_type:
            return task.http_headers.content_type == "text/csv"
        if task.cli_args:
            parser = cli_parser()
            parser.add_argument("--format", choices=["csv", "json"], default="json")
            return parser.parse_known_args(list(task.cli_args))[0].format == "csv"
        return False

    def groups(self, tasks: Sequence[InferenceTask]) -> Iterator[Tuple[List[InferenceTask], Any]]:
        """Tasks whose frames agree, with their common frame. Tasks that cannot be read are discarded."""
        usable = [t for t in tasks if not t.is_discarded]
        bodies = [(t.data.encode("utf-8", "surrogatepass") if isinstance(t.data, str) else bytes(t.data or b""), self.is_csv(t)) for t in usable]
        groups, refused = self.decoder.decode(bodies)
        for i, code in refused:
            usable[i].discard(http_status=400, err_msg=self.wrong_format(usable[i].data, code))
        for group in groups:
            members = [usable[i] for i in group[0]]
            for task, rows in zip(members, group[1]):
                task.batch = rows
            yield members, build_frame(group)

    def extract_user_func_args(self, tasks: Sequence[InferenceTask]) -> Tuple[Any, ...]:
        """One frame of all tasks; frames that differ are joined as pandas joins them."""
        import pandas as pd

        frames = []
        order: List[InferenceTask] = []
        for members, frame in self.groups(tasks):
            try:
                frames.append(self.cast(frame))
                order.extend(members)
            except Refused:
                for task in members:
                    task.discard(http_status=400, err_msg=self.wrong_format(task.data, "EINVAL"))
        if not frames:
            return (pd.DataFrame(),)
        if len(frames) == 1:
            return (frames[0],)
        return (pd.concat(frames, ignore_index=True),)
