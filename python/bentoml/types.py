"""Requests, tasks and results as adapters and user functions see them."""
import io
import os
import re
import uuid
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple, Union
from urllib.parse import unquote, urlparse

from bentoml.exceptions import BadInput

BATCH_HEADER = "Bentoml-Is-Batch-Request"

JsonSerializable = Union[bool, None, Dict, List, int, float, str]
AwsLambdaEvent = Union[Dict, List, str, int, float, None]
ApiFuncArgs = Tuple
BatchApiFuncArgs = Tuple
ApiFuncReturnValue = Any
BatchApiFuncReturnValue = Any
Input = Any
Output = Any


class HTTPHeaders:
    """Case-insensitive headers that keep order and repetition."""

    def __init__(self, pairs: Iterable[Tuple[str, str]] = ()) -> None:
        self._pairs: List[Tuple[str, str]] = [(str(k), str(v)) for k, v in pairs]

    @classmethod
    def from_dict(cls, d: Dict[str, str]) -> "HTTPHeaders":
        return cls(d.items())

    @classmethod
    def from_sequence(cls, pairs: Iterable[Sequence[str]]) -> "HTTPHeaders":
        return cls((p[0], p[1]) for p in pairs)

    @classmethod
    def of(cls, value: Any) -> "HTTPHeaders":
        """Headers from None, a dict, a sequence of pairs, or headers."""
        if value is None:
            return cls()
        if isinstance(value, HTTPHeaders):
            return value
        return cls.from_dict(value) if isinstance(value, dict) else cls.from_sequence(value)

    def get(self, name: str, default: Any = None) -> Any:
        name = name.lower()
        for key, value in self._pairs:
            if key.lower() == name:
                return value
        return default

    def getall(self, name: str) -> List[str]:
        return [v for k, v in self._pairs if k.lower() == name.lower()]

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: str) -> None:
        self.pop(name, None)
        self._pairs.append((name, str(value)))

    def __contains__(self, name: object) -> bool:
        return self.get(str(name)) is not None

    def __iter__(self) -> Any:
        return iter([k for k, _ in self._pairs])

    def __len__(self) -> int:
        return len(self._pairs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HTTPHeaders) and self.to_json() == other.to_json()

    def __repr__(self) -> str:
        return "HTTPHeaders(%r)" % (self.to_json(),)

    def pop(self, name: str, *default: Any) -> Any:
        value = self.get(name)
        if value is None:
            if default:
                return default[0]
            raise KeyError(name)
        self._pairs = [(k, v) for k, v in self._pairs if k.lower() != name.lower()]
        return value

    def update(self, other: Any) -> None:
        for key, value in HTTPHeaders.of(other).items():
            self[key] = value

    def items(self) -> List[Tuple[str, str]]:
        return list(self._pairs)

    def keys(self) -> List[str]:
        return [k for k, _ in self._pairs]

    def to_json(self) -> Tuple[Tuple[str, str], ...]:
        return tuple(self._pairs)

    @property
    def content_type(self) -> str:
        return (self.get("Content-Type") or "").split(";")[0].strip().lower()

    @property
    def charset(self) -> Optional[str]:
        for part in (self.get("Content-Type") or "").split(";")[1:]:
            key, _, value = part.partition("=")
            if key.strip().lower() == "charset":
                return value.strip().strip('"') or None
        return None

    @property
    def content_encoding(self) -> str:
        return (self.get("Content-Encoding") or "").strip().lower()

    @property
    def is_batch_input(self) -> Optional[bool]:
        value = self.get(BATCH_HEADER)
        return None if value is None else value.strip().lower() == "true"


class HTTPRequest:
    """A request: headers and body."""

    def __init__(self, headers: Any = None, body: bytes = b"") -> None:
        self.headers = HTTPHeaders.of(headers)
        self.body = body

    @property
    def parsed_json(self) -> Any:
        import json

        return json.loads(self.body)

    def __repr__(self) -> str:
        return "HTTPRequest(headers=%r, body=%r)" % (self.headers, self.body[:80])


class HTTPResponse:
    """A response: status, headers, body."""

    def __init__(self, status: int = 200, headers: Any = None, body: Union[bytes, str, None] = b"") -> None:
        self.status = status
        self.headers = HTTPHeaders.of(headers)
        self.body = body

    @classmethod
    def new(cls, status: int = 200, headers: Any = None, body: Union[bytes, str, None] = None) -> "HTTPResponse":
        return cls(status, headers, body)


class FileLike:
    """A file that is opened when it is first read: bytes, or a `file://` URI."""

    def __init__(self, bytes_: Optional[bytes] = None, uri: Optional[str] = None, name: Optional[str] = None) -> None:
        self.bytes_ = bytes_
        self.uri = uri
        self.name = name
        self._stream: Optional[Any] = None
        if uri is not None and name is None:
            self.name = os.path.basename(unquote(urlparse(uri).path))

    @property
    def path(self) -> str:
        parsed = urlparse(self.uri or "")
        if parsed.scheme != "file":
            raise NotImplementedError("only file:// URIs can be read, not %r" % self.uri)
        return unquote(parsed.path)

    @property
    def stream(self) -> Any:
        if self._stream is None:
            if self.bytes_ is not None:
                self._stream = io.BytesIO(self.bytes_)
            elif self.uri is not None:
                self._stream = open(self.path, "rb")
            else:
                self._stream = io.BytesIO()
        return self._stream

    def read(self, size: int = -1) -> bytes:
        return self.stream.read(size)

    def seek(self, pos: int, whence: int = 0) -> int:
        return self.stream.seek(pos, whence)

    def tell(self) -> int:
        return self.stream.tell()

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()


class InferenceResult:
    """The answer to one task. The default status is 501: user code that makes results must set its own."""

    def __init__(
        self,
        version: int = 0,
        data: Any = None,
        err_msg: str = "",
        task_id: Optional[str] = None,
        http_status: int = 501,
        http_headers: Any = None,
        aws_lambda_event: Any = None,
        cli_status: int = 0,
    ) -> None:
        self.version = version
        self.data = data
        self.err_msg = err_msg
        self.task_id = task_id
        self.http_status = http_status
        self.http_headers = HTTPHeaders.of(http_headers)
        self.aws_lambda_event = aws_lambda_event
        self.cli_status = cli_status

    def __repr__(self) -> str:
        return "%s(http_status=%r, data=%r, err_msg=%r)" % (type(self).__name__, self.http_status, self.data, self.err_msg)


class InferenceError(InferenceResult):
    """A result that is an error; `err_msg` goes to the client."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("http_status", 500)
        kwargs.setdefault("cli_status", 1)
        super().__init__(*args, **kwargs)


class InferenceTask:
    """One input on its way through an API."""

    def __init__(
        self,
        version: int = 0,
        data: Any = None,
        error: Optional[InferenceResult] = None,
        task_id: Optional[str] = None,
        is_discarded: bool = False,
        batch: Optional[int] = None,
        http_method: Optional[str] = None,
        http_headers: Any = None,
        aws_lambda_event: Any = None,
        cli_args: Any = None,
        inference_job_args: Any = None,
    ) -> None:
        self.version = version
        self.data = data
        self.error = error
        self.task_id = task_id or str(uuid.uuid4())
        self.is_discarded = is_discarded
        self.batch = batch
        self.http_method = http_method
        self.http_headers = HTTPHeaders.of(http_headers)
        self.aws_lambda_event = aws_lambda_event
        self.cli_args = cli_args
        self.inference_job_args = inference_job_args

    def discard(self, err_msg: str = "", **context: Any) -> "InferenceTask":
        """Take the task out: it is answered with this error, its neighbours are not affected."""
        self.is_discarded = True
        self.error = InferenceError(err_msg=err_msg, **context)
        return self

    def __repr__(self) -> str:
        return "InferenceTask(data=%r, is_discarded=%r)" % (self.data, self.is_discarded)


_PART_HEAD_MAX = 8192  # the parser of part heads takes quadratic time


def _check_part_heads(content_type: str, body: bytes) -> None:
    """Heads of parts are short."""
    found = re.search(r'boundary="?([^";,]+)', content_type)
    for part in body.split(b"--" + found.group(1).encode("latin-1", "replace")) if found else ():
        end = min((i for i in (part.find(b"\r\n\r\n"), part.find(b"\n\n")) if i >= 0), default=len(part))
        if end > _PART_HEAD_MAX:
            raise BadInput("the head of a part of the multipart body is longer than %d bytes" % _PART_HEAD_MAX)


def parse_form_data(request: HTTPRequest) -> Tuple[Any, Dict[str, str], Dict[str, FileLike]]:
    """A multipart body: (stream, plain fields, files by field name). Lines may end with LF only."""
    import email.parser
    import email.policy

    content_type = request.headers.get("Content-Type") or ""
    _check_part_heads(content_type, request.body)
    head = b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n"
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + request.body)
    fields: Dict[str, str] = {}
    files: Dict[str, FileLike] = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        try:
            name = part.get_param("name", header="content-disposition")
            filename = part.get_filename()
            payload = part.get_payload(decode=True) or b""
        except Exception as e:  # noqa: BLE001 (it raises whatever its parts raise)
            raise BadInput("the head of a part of the multipart body cannot be read") from e
        if name is None:
            continue
        if filename is None:
            fields[str(name)] = payload.decode("utf-8", "replace")
        else:
            files[str(name)] = FileLike(bytes_=payload, name=filename)
    return io.BytesIO(request.body), fields, files
