"""DataFrame input: JSON and CSV bodies as pandas frames, decoded in C.

Each request is decoded and checked alone. Requests share a frame only when their columns and dtypes agree, so nothing that
a neighbour sent can change what a request means.
"""
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from bentoml.adapters.base_input import cli_parser
from bentoml.adapters.string_input import StringInput
from bentoml.types import InferenceTask

ORIENTS = ("split", "records", "index", "columns", "values")
_OPENAPI = (("int", "integer"), ("float", "number"), ("double", "number"), ("str", "string"), ("date", "string"), ("bool", "boolean"))
_COLUMNS_CACHE: Dict[Tuple[str, ...], Any] = {}
_COLUMNS_CACHE_MAX = 256


class Refused(Exception):
    """A frame whose cells do not fit the adapter's dtype."""


def _labels(columns: Optional[Tuple[str, ...]], width: int) -> Any:
    """The column index; made once per header."""
    import pandas as pd

    if columns is None:
        return pd.RangeIndex(width)
    index = _COLUMNS_CACHE.get(columns)
    if index is None:
        if len(_COLUMNS_CACHE) >= _COLUMNS_CACHE_MAX:
            _COLUMNS_CACHE.clear()
        index = _COLUMNS_CACHE[columns] = pd.Index(columns)
    return index


def build_frame(group: Tuple[Any, ...]) -> Any:
    """A pandas frame over the memory of a merged group."""
    import numpy as np
    import pandas as pd

    _, _, total, columns, dtype, data, width = group
    labels = _labels(columns, width)
    if dtype is not None:
        return pd.DataFrame(np.frombuffer(data, dtype=dtype).reshape(width, total).T, columns=labels, copy=False)
    arrays = {}
    for i, (kind, cells) in enumerate(data):
        arrays[i] = np.array(cells, dtype=object) if kind == "object" else np.frombuffer(cells, dtype=kind)
    frame = pd.DataFrame(arrays, copy=False)
    frame.columns = labels
    return frame


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

            self._decoder = _core.FrameDecoder(self.orient, self.columns, self._text_columns())
        return self._decoder

    def _kind_of(self, wanted: Any) -> str:
        """'i', 'u', 'f', 'b', or 'O' for what is read as text."""
        import numpy as np

        if wanted in (str, "str", "string", object, "object", "category"):
            return "O"
        try:
            kind = np.dtype(wanted).kind
        except TypeError:
            return "O"
        return kind if kind in "iufb" else "O"

    def _text_columns(self) -> Optional[List[str]]:
        if not isinstance(self.dtype, dict):
            return None
        return [str(name) for name, kind in self.dtype.items() if self._kind_of(kind) == "O"]

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
            have = frame[name].dtype.kind
            want = self._kind_of(kind)
            fits = want == "O" or have == want or (want == "f" and have in "iu") or (want in "iu" and have in "iu")
            if not fits:
                raise Refused("column %r holds %s, not %s" % (name, frame[name].dtype, kind))
            if str(frame[name].dtype) != str(kind):
                try:
                    frame[name] = frame[name].astype(kind)
                except (TypeError, ValueError, OverflowError) as e:
                    raise Refused(str(e)) from e
        return frame

    def wrong_format(self, body: Any, code: str) -> str:
        """The message of a refused body. With a header found, the client gets its own data back, as in 0.13."""
        if code == "EINVAL":
            text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
            return "%s Wrong input format: %s." % (type(self).__name__, text)
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
