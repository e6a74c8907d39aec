"""Any picklable object."""
import importlib
import os
from typing import Any, Optional

from bentoml.service.artifacts import BentoServiceArtifact


def _default_module() -> Any:
    """cloudpickle where it is installed, because it takes lambdas and local classes; else pickle."""
    try:
        return importlib.import_module("cloudpickle")
    except ImportError:
        return importlib.import_module("pickle")


class PickleArtifact(BentoServiceArtifact):
    """`<name>.pkl`, written and read with `pickle_module` (a module or its name)."""

    def __init__(self, name: str, pickle_module: Any = None, pickle_extension: str = ".pkl") -> None:
        super().__init__(name)
        self._extension = pickle_extension
        if isinstance(pickle_module, str):
            pickle_module = importlib.import_module(pickle_module)
        self._module: Optional[Any] = pickle_module
        self._obj: Any = None

    @property
    def _pickle(self) -> Any:
        if self._module is None:
            self._module = _default_module()
        return self._module

    def _path(self, folder: str) -> str:
        return os.path.join(folder, self.name + self._extension)

    def pack(self, obj: Any, metadata: Any = None) -> "PickleArtifact":
        self._obj = obj
        return self

    def load(self, path: str) -> "PickleArtifact":
        with open(self._path(path), "rb") as f:
            self._obj = self._pickle.load(f)
        return self

    def get(self) -> Any:
        return self._obj

    def save(self, dst: str) -> None:
        with open(self._path(dst), "wb") as f:
            self._pickle.dump(self._obj, f)
