"""Artifacts: what is packed into a service and comes back when its bundle is loaded."""
import logging
import os
import re
from typing import Any, Callable, Dict, List

from bentoml.exceptions import FailedPrecondition

logger = logging.getLogger("bentoml")

ARTIFACTS_DIR_NAME = "artifacts"


def safe_stem(name: str) -> str:
    """The file-name stem of an artifact: everything unusual removed."""
    return re.sub(r"[^-a-zA-Z0-9_.() ]+", "", name)


class BentoServiceArtifact:
    """Base of artifacts. Subclasses implement pack, load, save and get; they need not call super().

    The calls are intercepted to keep `packed` and `loaded` right and to carry `metadata` into `<name>.yml`.
    """

    def __init__(self, name: str) -> None:
        if not name.isidentifier():
            raise ValueError("Artifact name must be a valid python identifier, a string is considered a valid identifier if it only contains alphanumeric letters (a-z) and (0-9), or underscores (_). A valid identifier cannot start with a number, or contain any spaces. Got: %r" % name)
        self._name = name
        self._packed = False
        self._loaded = False
        self._metadata: Dict[str, Any] = {}

    @property
    def name(self) -> str:
        return self._name

    @property
    def packed(self) -> bool:
        return self._packed

    @property
    def loaded(self) -> bool:
        return self._loaded

    @property
    def is_ready(self) -> bool:
        return self.packed or self.loaded

    @property
    def metadata(self) -> Dict[str, Any]:
        return self._metadata

    def pack(self, *args: Any, **kwargs: Any) -> "BentoServiceArtifact":
        raise NotImplementedError

    def load(self, path: str) -> "BentoServiceArtifact":
        raise NotImplementedError

    def save(self, dst: str) -> None:
        raise NotImplementedError

    def get(self) -> Any:
        raise NotImplementedError

    def set_dependencies(self, env: Any) -> None:
        """Add what the artifact needs to the service's environment."""

    def _metadata_path(self, folder: str) -> str:
        return os.path.join(folder, safe_stem(self.name) + ".yml")

    def __getattribute__(self, item: str) -> Any:
        value = object.__getattribute__(self, item)
        wrap = _WRAPPERS.get(item)
        return wrap(self, value) if wrap else value

    def _file_path(self, base_path: str) -> str:
        return os.path.join(base_path, safe_stem(self.name))


def _wrap_pack(self: BentoServiceArtifact, original: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if self.packed:
            logger.warning("`pack` an artifact multiple times may lead to unexpected behaviors")
        metadata = kwargs.pop("metadata", None)
        if metadata is not None and not isinstance(metadata, dict):
            raise TypeError("Setting a non-dictionary metadata is not supported.")
        result = original(*args, **kwargs)
        if metadata is not None:
            self._metadata = metadata
        self._packed = True
        return result if result is not None else self

    return wrapped


def _wrap_load(self: BentoServiceArtifact, original: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(path: str, *args: Any, **kwargs: Any) -> Any:
        if self.packed:
            logger.warning("`load` on a 'packed' artifact may lead to unexpected behaviors")
        if self.loaded:
            logger.warning("`load` an artifact multiple times may lead to unexpected behaviors")
        described = self._metadata_path(path)
        if os.path.isfile(described):
            import json

            from bentoml import _core

            with open(described, encoding="utf-8") as f:
                self._metadata = json.loads(_core.yaml_load(f.read())) or {}
        result = original(path, *args, **kwargs)
        self._loaded = True
        return result if result is not None else self

    return wrapped


def _wrap_save(self: BentoServiceArtifact, original: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(dst: str, *args: Any, **kwargs: Any) -> Any:
        if not self.is_ready:
            raise FailedPrecondition("Trying to save empty artifact. An artifact needs to be `pack` with model instance or `load` from saved path before saving")
        if self._metadata:
            import json

            from bentoml import _core

            with open(self._metadata_path(dst), "w", encoding="utf-8") as f:
                f.write(_core.yaml_dump(json.dumps(self._metadata)))
        return original(dst, *args, **kwargs)

    return wrapped


def _wrap_get(self: BentoServiceArtifact, original: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if not self.is_ready:
            raise FailedPrecondition("Trying to access not packed artifact. An artifact needs to be `pack` with model instance or `load` from saved path before it can be used")
        return original(*args, **kwargs)

    return wrapped


_WRAPPERS = {"pack": _wrap_pack, "load": _wrap_load, "save": _wrap_save, "get": _wrap_get}


class ArtifactCollection(Dict[str, BentoServiceArtifact]):
    """Artifacts by name; attribute access gives what is inside (`artifacts.model` is the model)."""

    def __getattr__(self, name: str) -> Any:
        try:
            artifact = self[name]
        except KeyError:
            raise AttributeError("no artifact named %r" % name) from None
        return artifact.get()

    def get(self, name: str) -> BentoServiceArtifact:  # type: ignore[override]
        return self[name]

    def add(self, artifact: BentoServiceArtifact) -> None:
        self[artifact.name] = artifact

    def save(self, dst: str) -> None:
        folder = os.path.join(dst, ARTIFACTS_DIR_NAME)
        os.mkdir(folder)
        for artifact in self.values():
            if not artifact.is_ready:
                logger.warning("Skip saving empty artifact, %s('%s')", type(artifact).__name__, artifact.name)
                continue
            artifact.save(folder)

    @classmethod
    def from_declared_artifact_list(cls, declared: List[BentoServiceArtifact]) -> "ArtifactCollection":
        """Fresh copies, made with the arguments of the declared ones."""
        collection = cls()
        for artifact in declared:
            collection.add(_fresh(artifact))
        return collection

    def load_all(self, path: str) -> None:
        for artifact in self.values():
            artifact.load(path)


def _fresh(artifact: BentoServiceArtifact) -> BentoServiceArtifact:
    args, kwargs = getattr(artifact, "_init_args", ((artifact.name,), {}))
    return type(artifact)(*args, **kwargs)


def _new(cls: Any, *args: Any, **kwargs: Any) -> Any:
    """Remembers constructor arguments, so that a declared artifact can be made again for each service instance."""
    instance = object.__new__(cls)
    instance._init_args = (args, kwargs)
    return instance


BentoServiceArtifact.__new__ = _new  # type: ignore[method-assign]
