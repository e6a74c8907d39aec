"""Loading bundles."""
import importlib
import importlib.util
import json
import logging
import os
import shutil
import sys
import zipfile
from functools import partial
from typing import Any, Dict

from bentoml.exceptions import BentoMLConfigException, BentoMLException

logger = logging.getLogger("bentoml")


_DAMAGED = "the file is damaged or cut off: copy the bundle again, or save it anew"


class BundleError(BentoMLException):
    """A bundle cannot be used; `hint` says what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def _resolve(bundle_path: str) -> str:
    from bentoml import _core

    try:
        return _core.resolve(bundle_path)
    except _core.Error as e:
        raise BundleError(e.message, e.hint) from e


def _check_members(document: Dict[str, Any], path: str) -> None:
    """BundleError unless what loading uses is there; `apis` may be missing where a service has none."""
    about = document["metadata"]
    missing = [k for k in ("service_name", "service_version", "module_name", "module_file") if about.get(k) is None]
    apis = document.get("apis") if document.get("apis") is not None else []
    if not isinstance(apis, list) or not all(isinstance(a, dict) and isinstance(a.get("name"), str) for a in apis):
        missing.append("name of an API")
    if missing:
        raise BundleError("'%s' has no %s" % (path, missing[0]), _DAMAGED)


def load_saved_bundle_config(bundle_path: str) -> Dict[str, Any]:
    """bentoml.yml as a dict, checked against this version's format."""
    from bentoml import _core

    try:
        document = json.loads(_core.bundle_read(bundle_path))
    except _core.Error as e:
        raise BundleError(e.message, e.hint or _DAMAGED) from e
    path = os.path.join(bundle_path, "bentoml.yml")
    if not isinstance(document, dict) or not isinstance(document.get("metadata"), dict):
        raise BundleError("'%s' does not describe a bundle" % path, _DAMAGED)
    _check_members(document, path)
    major = str(document.get("version", "0")).split(".")[0]
    if major != "0":
        raise BentoMLConfigException("The bundle was written by BentoML %s, which this version cannot read" % document.get("version"))
    saved = (document.get("env") or {}).get("python_version")
    current = "%d.%d.%d" % sys.version_info[:3]
    if saved and saved != current:
        logger.warning("Saved BentoService Python version mismatch: loading BentoService bundle created with Python version %s, but current environment version is %s.", saved, current)
    return document


def load_bento_service_metadata(bundle_path: str) -> Dict[str, Any]:
    """The metadata part of bentoml.yml."""
    return load_saved_bundle_config(_resolve(bundle_path))["metadata"]


def _module_file(bundle_path: str, about: Dict[str, Any]) -> str:
    relative = about["module_file"].replace("\\", os.sep).replace("/", os.sep)
    for folder in (os.path.join(bundle_path, about["service_name"]), bundle_path):
        path = os.path.join(folder, relative)
        if os.path.isfile(path):
            return path
    raise BundleError("Can not locate module_file %s in saved bundle %s" % (relative, bundle_path), "the bundle is incomplete: copy the whole folder again, or save it anew")


def _package(name: str) -> Any:
    """The package around a service; None when another one hides it, as long as the service does not need it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as e:
        if e.name and (name + ".").startswith(e.name + "."):
            return None
        raise


def _import_module(name: str, path: str) -> Any:
    parent, _, own_name = name.rpartition(".")
    fresh = name not in sys.modules
    package = _package(parent) if parent and fresh else None
    if fresh and name in sys.modules:
        return sys.modules[name]  # its package imports it
    if not fresh:
        logger.warning("Module `%s` already loaded, using existing imported module.", name)
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    if package:
        setattr(package, own_name, module)
    return module


def load_bento_service_class(bundle_path: str) -> Any:
    """The service class of a bundle, bound to the bundle's artifacts."""
    bundle_path = _resolve(bundle_path)
    document = load_saved_bundle_config(bundle_path)
    about = document["metadata"]
    path = _module_file(bundle_path, about)
    package = os.path.join(bundle_path, about["service_name"])
    root = package if os.path.isdir(package) else bundle_path
    if root not in sys.path:
        sys.path.insert(0, root)
    archives = os.path.join(root, "zipimports")
    for name in sorted(os.listdir(archives)) if os.path.isdir(archives) else ():
        archive = os.path.join(archives, name)
        if archive not in sys.path and zipfile.is_zipfile(archive):
            sys.path.insert(0, archive)
    module = _import_module(about["module_name"], path)
    for value in list(vars(module).values()):
        if getattr(value, "__module__", None) and isinstance(value, type) and _named(value, about["service_name"]):
            if not document.get("apis") and any(hasattr(f, "_is_api") for f in map(partial(getattr, value), dir(value))):
                raise BundleError("'%s' has no apis, but the service has" % os.path.join(bundle_path, "bentoml.yml"), _DAMAGED)
            value._bento_service_bundle_path = bundle_path  # type: ignore[attr-defined]
            value._bento_service_bundle_version = about["service_version"]  # type: ignore[attr-defined]
            if value._env is not None and value._env._requirements_txt_file:  # type: ignore[attr-defined]
                value._env._requirements_txt_file = os.path.join(bundle_path, "requirements.txt")  # type: ignore[attr-defined]
            return value
    raise BentoMLException("Service class %s not found in module file %s" % (about["service_name"], path))


def _named(cls: type, name: str) -> bool:
    from bentoml.service import BentoService

    return issubclass(cls, BentoService) and cls is not BentoService and cls.name == name


def load_from_dir(bundle_path: str) -> Any:
    """A ready service from a bundle folder or name:version."""
    return load_bento_service_class(bundle_path)()


def load_bento_service_api(bundle_path: str, api_name: Any = None) -> Any:
    """One API of a loaded service."""
    return load_from_dir(bundle_path).get_inference_api(api_name)


def safe_retrieve(bundle_path: str, target_dir: str) -> None:
    """Copy a bundle into a folder that does not exist yet."""
    shutil.copytree(_resolve(bundle_path), target_dir)
