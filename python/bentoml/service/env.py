"""The environment of a service: what its bundle installs."""
import logging
import os
import re
import sys
import warnings
from typing import Any, Dict, List, Optional, Union

from bentoml.exceptions import BentoMLException

logger = logging.getLogger("bentoml")

DEPLOYMENT_VERSION = "0.13.1"
_NAME = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*(.*)$")


def split_requirement(text: str) -> "tuple[str, str]":
    """(name, everything behind it) of a requirement."""
    match = _NAME.match(text)
    if not match:
        raise BentoMLException("%r is not a pip requirement" % text)
    return match.group(1), (match.group(2) or "") + match.group(3)


def canonical_requirement(text: str) -> str:
    """A requirement as packaging writes it: specifiers without blanks and sorted, extras sorted."""
    name, rest = split_requirement(text)
    specs, semicolon, marker = rest.partition(";")
    extras = ""
    if specs.startswith("["):
        inner, _, specs = specs[1:].partition("]")
        extras = "[%s]" % ",".join(sorted(e.strip() for e in inner.split(",")))
    if "@" in specs:  # a URL
        return text.strip()
    parts = sorted(re.sub(r"\s+", "", part) for part in specs.strip().strip("()").split(","))
    return name + extras + ",".join(parts) + ("; " + marker.strip() if semicolon else "")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def installed_version(name: str) -> Optional[str]:
    """Version of an installed distribution."""
    import importlib.metadata as metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


class CondaEnv:
    """environment.yml: name, channels, dependencies."""

    def __init__(
        self,
        channels: Optional[List[str]] = None,
        dependencies: Optional[List[str]] = None,
        override_channels: bool = False,
        env_yml_file: Optional[str] = None,
    ) -> None:
        if override_channels and not channels:
            raise BentoMLException("No `conda_channels` provided while override_channels=True")
        self._channels = list(channels or [])
        if override_channels and "nodefaults" not in self._channels:
            self._channels.append("nodefaults")
        self._dependencies = list(dependencies or [])
        self._file = env_yml_file

    def add_dependencies(self, dependencies: List[str]) -> None:
        self._dependencies = list(dependencies) + self._dependencies

    def document(self) -> Dict[str, Any]:
        import json

        base: Dict[str, Any] = {"name": "bentoml-default-conda-env", "dependencies": []}
        if self._file:
            if not os.path.isfile(self._file):
                raise BentoMLException("conda environment file %r not found" % self._file)
            from bentoml import _core

            with open(self._file, encoding="utf-8") as f:
                base = json.loads(_core.yaml_load(f.read()))
        if self._channels:
            base["channels"] = self._channels
        if self._dependencies:
            base["dependencies"] = self._dependencies + list(base.get("dependencies") or [])
        return base


class BentoServiceEnv:
    """Options of @bentoml.env; adapters and artifacts add what they need."""

    def __init__(
        self,
        pip_packages: Optional[List[str]] = None,
        pip_index_url: Optional[str] = None,
        pip_trusted_host: Optional[str] = None,
        pip_extra_index_url: Optional[str] = None,
        infer_pip_packages: bool = False,
        requirements_txt_file: Optional[str] = None,
        conda_channels: Optional[List[str]] = None,
        conda_overwrite_channels: bool = False,
        conda_override_channels: bool = False,
        conda_dependencies: Optional[List[str]] = None,
        conda_env_yml_file: Optional[str] = None,
        setup_sh: Optional[str] = None,
        docker_base_image: Optional[str] = None,
        zipimport_archives: Optional[List[str]] = None,
        pip_dependencies: Optional[List[str]] = None,
        auto_pip_dependencies: bool = False,
    ) -> None:
        if pip_dependencies is not None:
            warnings.warn("`pip_dependencies` is deprecated, use `pip_packages`", DeprecationWarning, stacklevel=3)
            pip_packages = pip_packages or pip_dependencies
        if auto_pip_dependencies:
            warnings.warn("`auto_pip_dependencies` is deprecated, use `infer_pip_packages`", DeprecationWarning, stacklevel=3)
        self._python_version = "%d.%d.%d" % sys.version_info[:3]
        self._pip: Dict[str, str] = {}
        self._index_url = pip_index_url
        self._trusted_host = pip_trusted_host
        self._extra_index_url = pip_extra_index_url
        self._infer_pip_packages = bool(infer_pip_packages or auto_pip_dependencies)
        self._requirements_txt_file = requirements_txt_file
        self._conda_env = CondaEnv(
            conda_channels, conda_dependencies, conda_overwrite_channels or conda_override_channels, conda_env_yml_file
        )
        self._setup_sh = setup_sh
        self._zipimport_archives = zipimport_archives
        self._docker_base_image = docker_base_image or "bentoml/model-server:%s-py%d%d" % (
            (DEPLOYMENT_VERSION,) + sys.version_info[:2]
        )
        self._pip["bentoml"] = "bentoml==" + DEPLOYMENT_VERSION
        self.add_pip_packages(list(pip_packages or []))

    def add_conda_dependencies(self, conda_dependencies: List[str]) -> None:
        self._conda_env.add_dependencies(conda_dependencies)

    def add_pip_packages(self, pip_packages: List[str]) -> None:
        for package in pip_packages:
            self.add_pip_package(package)

    def add_pip_package(self, pip_package: str) -> None:
        """A name without version is pinned to what is installed; a version given later wins, with a warning."""
        pip_package = canonical_requirement(pip_package)
        name, specs = split_requirement(pip_package)
        key = normal(name)
        if key in self._pip:
            _, have = split_requirement(self._pip[key])
            if specs and specs != have:
                if have:
                    logger.warning("Overwriting existing package requirement %r with %r", self._pip[key], pip_package)
                self._pip[key] = pip_package
            return
        version = installed_version(name) if not specs else None
        if version:
            pip_package = "%s==%s" % (name, version)
        elif not specs:
            logger.warning("pip package requirement %s not found in current python environment", pip_package)
        self._pip[key] = pip_package

    def has_specs(self, name: str) -> bool:
        return normal(name) in self._pip and bool(split_requirement(self._pip[normal(name)])[1])

    @property
    def pip_packages(self) -> List[str]:
        return list(self._pip.values())

    def requirements_txt(self) -> Optional[str]:
        """The user's own file, verbatim."""
        if not self._requirements_txt_file:
            return None
        if not os.path.isfile(self._requirements_txt_file):
            raise BentoMLException("requirement txt file not found at '%s'" % self._requirements_txt_file)
        with open(self._requirements_txt_file, encoding="utf-8") as f:
            return f.read()

    def requirements_text(self) -> str:
        own = self.requirements_txt()
        if own is not None:
            return own
        options = (("--index-url", self._index_url), ("--trusted-host", self._trusted_host), ("--extra-index-url", self._extra_index_url))
        lines = ["%s=%s" % (name, value) for name, value in options if value]
        return "\n".join(lines + self.pip_packages)

    def setup_sh_bytes(self) -> Optional[bytes]:
        if not self._setup_sh:
            return None
        if os.path.isfile(self._setup_sh):
            with open(self._setup_sh, "rb") as f:
                return f.read()
        return self._setup_sh.encode("utf-8")

    def to_document(self) -> Dict[str, Any]:
        """The `env` part of bentoml.yml."""
        document: Dict[str, Union[str, List[str], Dict[str, Any]]] = {}
        setup = self.setup_sh_bytes()
        if setup is not None:
            document["setup_sh"] = setup.decode("utf-8", "replace")
        own = self.requirements_txt()
        if own is not None:
            document["requirements_txt"] = own
        else:
            document["pip_packages"] = self.pip_packages
        document["conda_env"] = self._conda_env.document()
        document["python_version"] = self._python_version
        document["docker_base_image"] = self._docker_base_image
        return document
