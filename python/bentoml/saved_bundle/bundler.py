"""Writing bundles, with the layout of BentoML 0.13, and registering them."""
import json
import logging
import os
import re
import shutil
import sys
import zipfile
from datetime import datetime, timezone
from typing import Any, Dict, Optional

from bentoml.exceptions import BentoMLException
from bentoml.saved_bundle import templates
from bentoml.saved_bundle.modules import is_local, local_modules, needed_distributions
from bentoml.saved_bundle.openapi import openapi_document
from bentoml.service.env import DEPLOYMENT_VERSION

logger = logging.getLogger("bentoml")


def _module_of(service: Any) -> "tuple[str, str]":
    """(dotted name, file) of the module that defines the service."""
    name = type(service).__module__
    path = getattr(sys.modules.get(name), "__file__", None)
    if not path or re.match(r"<.*>$", os.path.basename(path)):  # "<stdin>", "<ipython-input-…>"
        raise BentoMLException("BentoService class can not be defined in Python interactive REPL, try writing the class definition to a file and import it.")
    if not os.path.isfile(path):
        raise BentoMLException("The file of module '%s', which defines the BentoService class, is not there: '%s'" % (name, path))
    if name == "__main__":
        package = getattr(sys.modules[name], "__package__", None)  # set by `python -m package.module`
        name = (package + "." if package else "") + os.path.splitext(os.path.basename(path))[0]
    return name, os.path.abspath(path)


def _write(folder: str, name: str, text: Any, executable: bool = False) -> None:
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode("utf-8"))
    if executable:
        os.chmod(path, 0o755)


def _module_path(dotted: str, source: str) -> str:
    parts = dotted.split(".")
    if os.path.basename(source) == "__init__.py":
        parts.append("__init__")
    base = os.path.basename(source)
    suffix = ".py" if base.endswith(".py") else base[base.index(".") :]  # of an extension: .cpython-311-x86_64-linux-gnu.so
    return os.path.join(*parts) + suffix


def _fill_inits(folder: str) -> None:
    """An empty __init__.py in every folder that lacks one, so that all of it can be imported."""
    for base, _, names in os.walk(folder):
        if "__init__.py" not in names:
            open(os.path.join(base, "__init__.py"), "a").close()


def _artifact_documents(service: Any) -> Any:
    return [
        {"name": a.name, "artifact_type": type(a).__name__, "metadata": a.metadata or {}}
        for a in service.artifacts.values()
    ]


def _api_document(api: Any) -> Dict[str, Any]:
    document = {
        "name": api.name,
        "docs": api.doc,
        "input_type": type(api.input_adapter).__name__,
        "output_type": type(api.output_adapter).__name__,
        "mb_max_batch_size": api.mb_max_batch_size,
        "mb_max_latency": api.mb_max_latency,
        "batch": api.batch,
        "route": api.route,
    }
    for key, adapter in (("input_config", api.input_adapter), ("output_config", api.output_adapter)):
        if adapter.config:
            document[key] = adapter.config
    return document


def bundle_document(service: Any, module_name: str, module_file: str) -> Dict[str, Any]:
    """bentoml.yml. `version` names the format; our own version has a key of its own."""
    import bentoml

    return {
        "version": DEPLOYMENT_VERSION,
        "kind": "BentoService",
        "metadata": {
            "created_at": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f"),
            "service_name": service.name,
            "service_version": service.version,
            "module_name": module_name,
            "module_file": module_file,
        },
        "env": service.env.to_document(),
        "apis": [_api_document(api) for api in service.inference_apis],
        "artifacts": _artifact_documents(service),
        "bentoml_core_version": bentoml.__version__,
    }


def metadata_document(document: Dict[str, Any]) -> Dict[str, Any]:
    """What the repository's database keeps, in the form of 0.13."""
    from bentoml import _core

    about = document["metadata"]
    env = dict(document["env"])
    stored: Dict[str, Any] = {k: env[k] for k in ("setup_sh",) if k in env}
    stored["conda_env"] = _core.yaml_dump(json.dumps(env["conda_env"]))
    stored.update({k: env[k] for k in ("python_version", "docker_base_image", "pip_packages", "requirements_txt") if env.get(k)})
    apis = []
    for api in document["apis"]:
        keys = ("name", "input_type", "docs", "input_config", "output_config", "output_type", "mb_max_latency", "mb_max_batch_size", "batch", "route")
        apis.append({k: api[k] for k in keys if api.get(k)})
    result = {
        "name": about["service_name"],
        "version": about["service_version"],
        "created_at": about["created_at"].replace(" ", "T") + "Z",
        "env": stored,
    }
    if document["artifacts"]:
        result["artifacts"] = document["artifacts"]
    if apis:
        result["apis"] = apis
    return result


def _plain(value: Any) -> Any:
    """A copy that JSON can hold."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if hasattr(value, "tolist"):
        return value.tolist()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def _copy_modules(modules: Dict[str, str], package: str) -> None:
    for dotted, source in modules.items():
        target = os.path.join(package, _module_path(dotted, source))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(source, target)


def _zip_archives(service: Any, module_file: str) -> Dict[str, str]:
    """Name in the bundle to file: the declared archives, then those of the project on sys.path."""
    folders = [os.path.dirname(module_file)]
    if service._bento_service_bundle_path:  # saved again: they lie where the first save put them
        folders += [os.path.join(service._bento_service_bundle_path, *part, "zipimports") for part in ((service.name,), ())]
    sources = []
    for archive in service.env._zipimport_archives or ():
        places = [os.path.join(folders[0], archive)] + [os.path.join(f, os.path.basename(archive)) for f in folders[1:]]
        source = next((p for p in places if os.path.isfile(p)), None)
        if source is None:
            raise BentoMLException("zipimport archive '%s' not found in '%s', the folder of the service's module" % (archive, folders[0]))
        if not zipfile.is_zipfile(source):
            raise BentoMLException("zipimport archive '%s' is not a zip file" % source)
        sources.append(source)
    sources += [p for p in sys.path if os.path.isfile(p) and is_local(p) and zipfile.is_zipfile(p)]
    archives: Dict[str, str] = {}
    for source in dict.fromkeys(os.path.realpath(p) for p in sources):
        stem, suffix = os.path.splitext(os.path.basename(source))
        name, count = stem + suffix, 1
        while name in archives:
            name, count = "%s-%d%s" % (stem, count, suffix), count + 1
        archives[name] = source
    return archives


def write_bundle(service: Any, path: str) -> Dict[str, Any]:
    """All files of a bundle into an existing folder; returns bentoml.yml's document."""
    from bentoml import _core

    name = service.name
    package = os.path.join(path, name)
    if not os.path.isdir(path):
        raise BentoMLException("Directory '%s' not found" % path)
    if os.path.exists(package):
        raise BentoMLException("Existing module file found for BentoService %s in '%s'" % (name, path))
    module_name, module_file = _module_of(service)
    modules = local_modules(module_name, module_file)
    archives = _zip_archives(service, module_file)
    if service.env._infer_pip_packages:
        for distribution, version in needed_distributions(modules).items():
            if not service.env.has_specs(distribution):
                service.env.add_pip_packages(["%s==%s" % (distribution, version)])
    os.mkdir(package)
    service.artifacts.save(package)
    _copy_modules(modules, package)
    static = service.get_web_static_content_path()
    if static:
        if not os.path.isdir(static):
            raise BentoMLException("web_static_content directory '%s' not found" % static)
        shutil.copytree(static, os.path.join(package, "web_static_content"))
    _fill_inits(package)
    os.mkdir(os.path.join(package, "zipimports"))
    for archive, source in archives.items():
        shutil.copyfile(source, os.path.join(package, "zipimports", archive))
    document = _plain(bundle_document(service, module_name, _module_path(module_name, module_file)))
    text = _core.yaml_dump(json.dumps(document))
    _write(path, "bentoml.yml", text)
    _write(package, "bentoml.yml", text)
    _write_texts(service, path, package)
    return document


def _write_texts(service: Any, path: str, package: str) -> None:
    from bentoml import _core

    names = {"name": service.name, "version": service.version}
    env = service.env
    doc = type(service).__doc__ or ""
    _write(package, "__init__.py", templates.INIT.format(**names))
    _write(path, "README.md", templates.README.format(doc=doc, **names))
    _write(path, "docs.json", json.dumps(openapi_document(service), indent=2))
    _write(path, "requirements.txt", env.requirements_text())
    _write(path, "environment.yml", _core.yaml_dump(json.dumps(env._conda_env.document())))
    _write(path, "python_version", env._python_version)
    _write(path, "setup.py", templates.SETUP_PY.format(**names))
    _write(path, "MANIFEST.in", templates.MANIFEST.format(**names))
    _write(path, "Dockerfile", templates.DOCKERFILE.format(base_image=env._docker_base_image))
    _write(path, "docker-entrypoint.sh", templates.ENTRYPOINT, executable=True)
    _write(path, "bentoml-init.sh", templates.INIT_SH, executable=True)
    setup = env.setup_sh_bytes()
    if setup is not None:
        _write(path, "setup.sh", setup, executable=True)


def _check(service: Any, version: Optional[str]) -> None:
    from bentoml.service import BentoService

    if not isinstance(service, BentoService):
        raise BentoMLException("save only works with instances of BentoService, not %r" % type(service).__name__)
    if version is not None:
        service.set_version(version)


def save_to_dir(bento_service: Any, path: str, version: Optional[str] = None, silent: bool = False) -> None:
    """Write a bundle into an existing folder."""
    _check(bento_service, version)
    write_bundle(bento_service, path)
    if not silent:
        logger.info("BentoService bundle '%s:%s' created at: %s", bento_service.name, bento_service.version, path)


def save_to_repository(bento_service: Any, version: Optional[str] = None, labels: Any = None, home: Optional[str] = None) -> str:
    """Write a bundle into the local repository, all or nothing; returns its path."""
    from bentoml import _core

    _check(bento_service, version)
    if labels is not None and not all(isinstance(k, str) and isinstance(v, str) for k, v in dict(labels).items()):
        raise BentoMLException("labels must be a dict of str to str")
    try:
        taken = _core.exists(bento_service.name, bento_service.version, home)
        folder = None if taken else _core.scratch(home)
    except _core.Error as e:
        raise BentoMLException(str(e)) from e
    if folder is None:
        raise BentoMLException("BentoService bundle %s:%s already registered in repository. Reset BentoService version with BentoService#set_version or bypass BentoML's model registry feature with BentoService#save_to_dir" % (bento_service.name, bento_service.version))
    try:
        document = write_bundle(bento_service, folder)
        path = _core.commit(folder, json.dumps(metadata_document(document)), json.dumps(dict(labels or {})), home)
    except _core.Error as e:
        raise BentoMLException(str(e)) from e
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    logger.info("BentoService bundle '%s:%s' saved to: %s", bento_service.name, bento_service.version, path)
    return path
