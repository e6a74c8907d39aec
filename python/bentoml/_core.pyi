"""The C extension: the link to the server, frame decoding, the store. Everything that runs user code is Python above it.

Long work (waiting, inflating, decoding, file-system commits) runs without Python's lock. Errors of libbento arrive as
`_core.Error` with `.code` (name of the code, e.g. "ENOTFOUND"), `.http` (status), `.message`, `.hint`.
"""

from typing import Any, List, Optional, Sequence, Tuple, Union

__version__: str
COLUMNS_MAX: int
"""Of one body."""

# Requests whose frames agree, merged, rows of the first request first:
#   indices   positions of the requests
#   rows      rows of each
#   total     rows of all
#   columns   names, or None: labels are 0..width-1
#   dtype     the one dtype of all columns ("int64", "uint64", "float64", "bool"), or None when they differ
#   data      with dtype: one bytearray, column after column; without: a list of (dtype, bytearray or list of objects)
#   width     number of columns
Group = Tuple[Tuple[int, ...], Tuple[int, ...], int, Optional[Tuple[str, ...]], Optional[str], Any, int]

class Error(Exception):
    code: str
    http: int
    message: str
    hint: str

class FrameDecoder:
    def __init__(
        self,
        orient: Optional[str] = None,
        columns: Optional[Sequence[str]] = None,
        text_for: Optional[Sequence[str]] = None,
    ) -> None:
        """`text_for`: columns whose cells are delivered as text, untyped."""
    def decode(self, bodies: Sequence[Tuple[bytes, bool]]) -> Tuple[List[Group], List[Tuple[int, str]]]:
        """(body, is_csv) per request. Groups, and (index, code) of the refused: EPARSE no frame, EINVAL no frame although a
        header was found, EUNSUPPORTED more columns than COLUMNS_MAX, ENOMEM."""

class Link:
    """The worker's end of the link. One job at a time; requests are addressed by their position in it."""

    def __init__(self, text: Optional[str] = None) -> None:
        """From the environment variable BENTO_LINK when text is None."""
    def hello(self, json: str) -> None: ...
    def wait(self, timeout_ms: int = -1) -> Optional[Tuple[int, int]]:
        """The next job as (API, number of requests); None on shutdown or when the server is gone. TimeoutError."""
    def flags(self, i: int) -> int:
        """1 CSV, 2 gzip, 4 multipart, 8 other charset, 16 retry."""
    def task_id(self, i: int) -> str: ...
    def raw_body(self, i: int) -> bytes:
        """As sent."""
    def body(self, i: int) -> bytes:
        """gzip removed; Error EPARSE (broken) or ETOOLARGE (expands past the limit)."""
    def head(self, i: int) -> Tuple[str, str, Tuple[Tuple[str, str], ...]]:
        """Method, target, headers as sent (latin-1)."""
    def started(self, indices: Optional[Sequence[int]] = None) -> None:
        """These requests (all, when None) are about to run: never run again elsewhere."""
    def decode(self, decoder: FrameDecoder) -> Tuple[List[Group], List[Tuple[int, str]]]:
        """Frames of all requests without a Python object per request. Multipart bodies and foreign charsets are in neither list.
        Besides FrameDecoder.decode's codes: EIO for broken gzip."""
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
        """content: 0 none, 1 application/json, 2 text/plain; charset=utf-8, 3 among the headers. Headers that could split the
        response raise ValueError."""
    def reply_array(self, indices: Tuple[int, ...], rows: Tuple[int, ...], total: int, array: Any, rerun: bool = False) -> bool:
        """Answers every request of a group with its slice of a C-contiguous array of one or two dimensions, as
        json.dumps(slice.tolist()) writes it, status 200. False, with nothing answered, for arrays of another kind or length."""
    def flush(self) -> None: ...
    def done(self, user_ns: int = 0, groups: int = 1, reruns: int = 0) -> None:
        """The job is over; requests not answered get 500."""

def gunzip(data: bytes, limit: int) -> bytes: ...
def yaml_dump(json: str) -> str:
    """JSON text to YAML, keys in order."""

def yaml_load(text: str) -> str:
    """YAML to JSON text."""

def bundle_read(folder: str) -> str:
    """bentoml.yml of a bundle folder as JSON text."""

def resolve(bento: str, home: Optional[str] = None) -> str:
    """Folder of BENTO (path, name:version or name:latest)."""

def scratch(home: Optional[str] = None) -> str:
    """A new folder below the home to write a bundle into."""

def commit(folder: str, metadata_json: str, labels_json: Optional[str] = None, home: Optional[str] = None) -> str:
    """Registers a finished bundle folder atomically; its final path."""

def exists(name: str, version: str, home: Optional[str] = None) -> bool: ...
