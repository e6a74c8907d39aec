"""scikit-learn."""
import os
from typing import Any

from bentoml.exceptions import MissingDependencyException
from bentoml.service.artifacts import BentoServiceArtifact
from bentoml.service.env import BentoServiceEnv


def _joblib() -> Any:
    try:
        import joblib
    except ImportError:
        try:
            from sklearn.externals import joblib  # type: ignore[no-redef]
        except ImportError as e:
            raise MissingDependencyException(
                "sklearn module is required to use SklearnModelArtifact: pip install scikit-learn"
            ) from e
    return joblib


class SklearnModelArtifact(BentoServiceArtifact):
    """`<name>.pkl`, written and read with joblib; arrays are mapped into memory read-only."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._model: Any = None

    def _path(self, folder: str) -> str:
        return os.path.join(folder, self.name + ".pkl")

    def set_dependencies(self, env: BentoServiceEnv) -> None:
        if env._infer_pip_packages:
            env.add_pip_packages(["scikit-learn"])

    def pack(self, sklearn_model: Any, metadata: Any = None) -> "SklearnModelArtifact":
        self._model = sklearn_model
        return self

    def load(self, path: str) -> "SklearnModelArtifact":
        self._model = _joblib().load(self._path(path), mmap_mode="r")
        return self

    def get(self) -> Any:
        return self._model

    def save(self, dst: str) -> None:
        _joblib().dump(self._model, self._path(dst))
