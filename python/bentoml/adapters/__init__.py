"""Input and output adapters: how requests become arguments and results become responses."""
import importlib
from typing import Any

_MODULES = {
    "BaseInputAdapter": "base_input",
    "BaseOutputAdapter": "base_output",
    "DataframeInput": "dataframe_input",
    "DataframeOutput": "dataframe_output",
    "JsonInput": "json_input",
    "StringInput": "string_input",
    "JsonOutput": "json_output",
    "DefaultOutput": "default_output",
    "FileInput": "file_input",
    "ImageInput": "image_input",
    "MultiFileInput": "multi_file_input",
    "MultiImageInput": "multi_image_input",
    "AnnotatedImageInput": "annotated_image_input",
}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        value = getattr(importlib.import_module("bentoml.adapters." + _MODULES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError("module 'bentoml.adapters' has no attribute %r" % name)
