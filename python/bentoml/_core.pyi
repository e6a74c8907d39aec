"""The C extension: the link to the server, frame decoding, the store. Everything that runs user code is Python above it.

Long work (waiting, inflating, decoding, file-system commits) runs without Python's lock. Errors of libbento arrive as
`_core.Error` with `.code` (name of the code, e.g. "ENOTFOUND"), `.http` (status), `.message`, `.hint`.
"""
from typing import Any, List, Optional, Sequence, Tuple, Union

__version__: str

class Error(Exception):
    code: str
    http: int
    message: str
    hint: str

class Column:
    """One decoded column. Numeric and bool columns export a read-only buffer over C memory (keep the Group alive:
    the buffer does). `dtype` is one of 'int64', 'uint64', 'float64', 'bool', 'object'."""

    dtype: str
    def to_list(self) -> List[Any]:
        """Object columns: str cells, float('nan') where missing, True/False in a boolean column with gaps."""

class Group:
    """Requests of one job whose frames agree, merged: rows of the first request first."""

    indices: Tuple[int, ...]  # positions of the requests in the job (or in decode()'s argument)
    rows: Tuple[int, ...]  # rows of each
    total: int
    columns: Optional[Tuple[str, ...]]  # None: no header, labels are 0..width-1
    width: int
    dtype: Optional[str]  # the one dtype of all columns, None when they differ
    def column(self, i: int) -> Column:
        """Merged column i."""
    def matrix(self) -> memoryview:
        """Only when `dtype` is int64, uint64, float64 or bool: all columns as one C-contiguous (width, total) block, row i
        being column i; frames are built as numpy.frombuffer(...).reshape(width, total).T without a copy."""
    def split(self) -> List[Group]:
        """One group per request, for running a failed merged batch again."""

class FrameDecoder:
    def __init__(
        self,
        orient: Optional[str] = None,
        columns: Optional[Sequence[str]] = None,
        text_for: Optional[Sequence[str]] = None,
    ) -> None: ...
    def decode(self, bodies: Sequence[Tuple[bytes, bool]]) -> Tuple[List[Group], List[Tuple[int, str]]]:
        """(body, is_csv) per request. Returns groups and (index, reason for the log) of the bodies refused."""

class Job:
    """Requests of one API handed over by the server. Valid until done()."""

    id: int
    api: int
    def __len__(self) -> int: ...
    def flags(self, i: int) -> int:
        """1 CSV, 2 gzip, 4 multipart, 8 other charset, 16 retry."""
    def task_id(self, i: int) -> str: ...
    def method(self, i: int) -> str: ...
    def target(self, i: int) -> str: ...
    def headers(self, i: int) -> Tuple[Tuple[str, str], ...]:
        """As sent; bytes are decoded as latin-1."""
    def raw_body(self, i: int) -> bytes:
        """As sent."""
    def body(self, i: int) -> bytes:
        """gzip removed; Error with code EPARSE (broken gzip) or ETOOLARGE (expands past the limit)."""
    def started(self, indices: Optional[Sequence[int]] = None) -> None:
        """These requests (all, when None) are about to run: never run again elsewhere."""
    def decode(self, decoder: FrameDecoder) -> Tuple[List[Group], List[Tuple[int, int, str]]]:
        """Frames of all requests without a Python object per request; requests with flags 4 or 8 are left out and must be
        decoded through body(). Second: (index, HTTP status, reason for the log) of those refused. Not answered yet."""
    def reply(
        self,
        i: int,
        status: int,
        body: Union[bytes, str],
        content: int = 0,
        headers: Optional[Sequence[Tuple[str, str]]] = None,
        error: bool = False,
        rerun: bool = False,
    ) -> None:
        """content: 0 none, 1 application/json, 2 text/plain; charset=utf-8, 3 in headers. Headers that could split the
        response (CR, LF, NUL, bad names) raise ValueError."""
    def reply_array(self, group: Group, array: Any, rerun: bool = False) -> bool:
        """Answers every request of the group with its slice of a one- or two-dimensional C-contiguous array of int64, int32,
        uint8, bool, float64 or float32 (buffer protocol) as JSON, exactly as json.dumps(slice.tolist()) writes it, status 200,
        application/json. False, and nothing is answered, when the array is of another kind or has not group.total rows."""
    def flush(self) -> None: ...
    def done(self, user_ns: int = 0, groups: int = 1, reruns: int = 0) -> None: ...

class Link:
    def __init__(self, text: Optional[str] = None) -> None:
        """From the environment variable BENTO_LINK when text is None."""
    def hello(self, json: str) -> None: ...
    def wait(self, timeout_ms: int = -1) -> Optional[Job]:
        """The next job; None on shutdown or when the server is gone. Signals are handled while waiting. TimeoutError."""
    def close(self) -> None: ...

def gunzip(data: bytes, limit: int) -> bytes: ...
def yaml_dump(json: str) -> str:
    """JSON text to YAML, keys in order."""
def yaml_load(text: Union[str, bytes]) -> str:
    """YAML to JSON text."""
def bundle_read(folder: str) -> str:
    """bentoml.yml of a bundle folder as JSON."""
def resolve(bento: str, home: Optional[str] = None) -> str:
    """Folder of BENTO (path or name:version or name:latest)."""
def scratch(home: Optional[str] = None) -> str:
    """A new folder below the home to write a bundle into."""
def commit(folder: str, metadata_json: str, labels_json: Optional[str] = None, home: Optional[str] = None) -> str:
    """Registers a finished bundle folder atomically; its final path."""
def exists(name: str, version: str, home: Optional[str] = None) -> bool: ...
