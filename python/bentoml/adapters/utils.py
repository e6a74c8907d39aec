"""Shared by adapters: JSON encoding of NumPy values, gzip, file extensions."""
import json
from typing import Any, Iterable, List, Sequence, Tuple

from bentoml.types import HTTPRequest, InferenceTask

IMAGE_EXTENSIONS = (".jpg", ".png", ".jpeg", ".tiff", ".webp", ".bmp")
INFLATE_LIMIT = 20971520
INFLATED_TOO_LARGE = "the body is too large when inflated"


class NumpyJsonEncoder(json.JSONEncoder):
    """NumPy scalars and arrays as numbers and lists, bytes as text or base64, anything else as its str()."""

    def default(self, o: Any) -> Any:
        if hasattr(o, "dtype") and hasattr(o, "tolist"):
            return o.tolist()
        if isinstance(o, bytes):
            try:
                return o.decode("utf-8")
            except UnicodeDecodeError:
                import base64

                return {"b64": base64.b64encode(o).decode("ascii")}
        return {"unknown_obj": str(o)}


TfTensorJsonEncoder = NumpyJsonEncoder


def get_default_accept_image_formats() -> List[str]:
    return list(IMAGE_EXTENSIONS)


def check_file_extension(name: str, accepted: Sequence[str]) -> bool:
    import os

    return os.path.splitext(name or "")[1].lower() in accepted


def concat_list(lists: Iterable[Sequence[Any]]) -> Tuple[List[Any], List[slice]]:
    """All items, and the slice of each list."""
    items: List[Any] = []
    slices = []
    for part in lists:
        slices.append(slice(len(items), len(items) + len(part)))
        items.extend(part)
    return items, slices


def inflate(request: HTTPRequest) -> Any:
    """Remove gzip from a request; a discarded task when it is broken."""
    from bentoml import _core

    if request.headers.content_encoding not in ("gzip", "x-gzip"):
        return None
    try:
        request.body = _core.gunzip(request.body, INFLATE_LIMIT)
    except _core.Error as e:
        if e.code == "ETOOLARGE":
            return InferenceTask().discard(http_status=413, err_msg=INFLATED_TOO_LARGE)
        return InferenceTask().discard(http_status=400, err_msg="Gzip decompression error")
    request.headers.pop("Content-Encoding", None)
    return None


def decompress_gzip_request(method: Any) -> Any:
    """Decorator of from_http_request: the method sees the body without gzip."""
    import functools

    @functools.wraps(method)
    def wrapper(self: Any, req: HTTPRequest) -> InferenceTask:
        return inflate(req) or method(self, req)

    return wrapper
