"""BentoML: from a trained model to a running prediction service.

The API of BentoML 0.13 on a core written in C. Names are loaded when they are first used, so that importing the package
costs next to nothing.
"""
import importlib
from typing import Any

__version__ = "2.0.0"

_LAZY = {
    "BentoService": "bentoml.service",
    "api": "bentoml.service",
    "api_decorator": "bentoml.service",
    "artifacts": "bentoml.service",
    "artifacts_decorator": "bentoml.service",
    "env": "bentoml.service",
    "env_decorator": "bentoml.service",
    "ver": "bentoml.service",
    "ver_decorator": "bentoml.service",
    "web_static_content": "bentoml.service",
    "web_static_content_decorator": "bentoml.service",
    "save": "bentoml.service",
    "save_to_dir": "bentoml.saved_bundle",
    "load": "bentoml.saved_bundle",
    "load_from_dir": "bentoml.saved_bundle",
    "configure_logging": "bentoml.utils",
}
_SUBMODULES = ("adapters", "exceptions", "frameworks", "saved_bundle", "types", "utils")

__all__ = [
    "__version__",
    "BentoService",
    "api",
    "artifacts",
    "configure_logging",
    "env",
    "load",
    "load_from_dir",
    "save",
    "save_to_dir",
    "saved_bundle",
    "ver",
    "web_static_content",
]


def __getattr__(name: str) -> Any:
    module = _LAZY.get(name)
    if module:
        value = getattr(importlib.import_module(module), name)
        globals()[name] = value
        return value
    if name in _SUBMODULES or name == "service":
        return importlib.import_module("bentoml." + name)
    raise AttributeError("module 'bentoml' has no attribute %r" % name)


def __dir__() -> "list[str]":
    return sorted(set(globals()) | set(_LAZY) | set(_SUBMODULES))
