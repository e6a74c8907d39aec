"""A text."""
import os
from typing import Optional

from bentoml.service.artifacts import BentoServiceArtifact, safe_stem


class TextFileArtifact(BentoServiceArtifact):
    """`<name><file_extension>`."""

    def __init__(self, name: str, file_extension: str = ".txt", encoding: str = "utf-8") -> None:
        super().__init__(name)
        self._extension = file_extension
        self._encoding = encoding
        self._content: Optional[str] = None

    def _path(self, folder: str) -> str:
        return os.path.join(folder, safe_stem(self.name) + self._extension)

    def pack(self, content: str, metadata: Optional[dict] = None) -> "TextFileArtifact":
        self._content = content
        return self

    def load(self, path: str) -> "TextFileArtifact":
        with open(self._path(path), encoding=self._encoding) as f:
            self._content = f.read()
        return self

    def get(self) -> Optional[str]:
        return self._content

    def save(self, dst: str) -> None:
        with open(self._path(dst), "w", encoding=self._encoding) as f:
            f.write(self._content or "")
