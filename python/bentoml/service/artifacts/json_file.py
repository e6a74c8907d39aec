"""A JSON value."""
import json
import os
from typing import Any

from bentoml.service.artifacts import BentoServiceArtifact, safe_stem


class JSONArtifact(BentoServiceArtifact):
    """`<name>.json`; extra arguments of pack go to `dumps`."""

    def __init__(self, name: str, encoding: str = "utf-8", json_module: Any = None) -> None:
        super().__init__(name)
        self._encoding = encoding
        self._json = json_module or json
        self._content: Any = None
        self._dump_args: Any = {}

    def _path(self, folder: str) -> str:
        return os.path.join(folder, safe_stem(self.name) + ".json")

    def pack(self, content: Any, metadata: Any = None, **dump_args: Any) -> "JSONArtifact":
        self._content = content
        self._dump_args = dump_args
        return self

    def load(self, path: str) -> "JSONArtifact":
        with open(self._path(path), encoding=self._encoding) as f:
            self._content = self._json.loads(f.read())
        return self

    def get(self) -> Any:
        return self._content

    def save(self, dst: str) -> None:
        text = self._json.dumps(self._content, **self._dump_args)
        with open(self._path(dst), "w", encoding=self._encoding) as f:
            f.write(text)
