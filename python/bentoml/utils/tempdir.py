"""A temporary directory as a context manager."""
import tempfile
from typing import Any, Optional


class TempDirectory:
    """Made on entry or on first use of `path`, removed on exit."""

    def __init__(self, cleanup: bool = True, prefix: str = "bentoml-temp-") -> None:
        self._cleanup = cleanup
        self._prefix = prefix
        self._dir: Optional[Any] = None
        self.path = ""

    def create(self) -> str:
        if not self.path:
            self._dir = tempfile.TemporaryDirectory(prefix=self._prefix)
            self.path = self._dir.name
        return self.path

    def cleanup(self) -> None:
        if self._dir is not None:
            self._dir.cleanup()
        self.path = ""

    def __enter__(self) -> str:
        return self.create()

    def __exit__(self, *exc: Any) -> None:
        if self._cleanup:
            self.cleanup()
