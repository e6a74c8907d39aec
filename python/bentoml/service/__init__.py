"""BentoService: what a data scientist subclasses."""
import inspect
import logging
import os
import re
import sys
import uuid
from numbers import Integral
from typing import Any, Callable, Dict, List, Optional

from bentoml.exceptions import BentoMLException, InvalidArgument, NotFound
from bentoml.service.artifacts import ArtifactCollection, BentoServiceArtifact
from bentoml.service.env import BentoServiceEnv
from bentoml.service.inference_api import InferenceAPI

__all__ = [
    "ArtifactCollection",
    "BentoService",
    "BentoServiceArtifact",
    "BentoServiceEnv",
    "InferenceAPI",
    "api",
    "artifacts",
    "env",
    "save",
    "validate_version_str",
    "ver",
    "web_static_content",
]

logger = logging.getLogger("bentoml")

RESERVED_API_NAMES = ["index", "swagger", "docs", "healthz", "metrics", "feedback"]
INFRA_ROUTES = RESERVED_API_NAMES + ["docs.json", "metadata", ""]
DEFAULT_MAX_LATENCY = 20000
DEFAULT_MAX_BATCH_SIZE = 4000
_SEMVER = re.compile(
    r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$"
)


def validate_version_str(version_str: str) -> None:
    """InvalidArgument unless the text can be a version."""
    if not (re.match(r"[A-Za-z0-9_.-]{1,128}\Z", version_str) or _SEMVER.match(version_str)):
        raise InvalidArgument('Invalid BentoService version: "%s", it can only consist ALPHA / DIGIT / "-" / "." / "_", and must be less than 128 characters' % version_str)
    if version_str.lower() == "latest":
        raise InvalidArgument('BentoService version can not be set to "latest"')


def _validate_api_name(name: str) -> None:
    if not isinstance(name, str) or not name.isidentifier():
        raise InvalidArgument("Invalid API name: '%s', a valid identifier may only contain letters, numbers, underscores and not starting with a number." % (name,))
    if name in RESERVED_API_NAMES:
        raise InvalidArgument("Reserved API name: '%s' is reserved for infra endpoints" % name)


def _validate_route(route: str) -> None:
    if not isinstance(route, str):
        raise InvalidArgument("The route of an API must be a str, not %r" % (route,))
    if re.search(r"[?#\x00-\x1f\x7f]", route) or route.startswith(("//", ":")):
        raise InvalidArgument("The path %r contains illegal url characters" % route)
    if _stored_route(route) in INFRA_ROUTES:
        raise InvalidArgument("Reserved API route: '%s' is reserved for infra endpoints" % route)


def _stored_route(route: str) -> str:
    return route[1:] if route.startswith("/") else route


def _positive(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise InvalidArgument("%s must be a positive int, not %r" % (name, value))
    return int(value)


def _check_unique(cls: type) -> None:
    """Of two APIs with one name or route only one could ever be called."""
    methods = [f for _, f in inspect.getmembers(cls, predicate=inspect.isfunction) if hasattr(f, "_is_api")]
    for what, attribute in (("name", "_api_name"), ("route", "_api_route")):
        taken: Dict[str, str] = {}
        for function in methods:
            value = getattr(function, attribute)
            other = taken.setdefault(value, function.__name__)
            if other != function.__name__:
                raise InvalidArgument("Duplicated API %s '%s' in service '%s': methods '%s' and '%s' have it" % (what, value, cls.__name__, other, function.__name__))


def api_decorator(
    *args: Any,
    input: Any = None,  # noqa: A002 (the documented name)
    output: Any = None,
    api_name: Optional[str] = None,
    route: Optional[str] = None,
    api_doc: Optional[str] = None,
    mb_max_batch_size: int = DEFAULT_MAX_BATCH_SIZE,
    mb_max_latency: int = DEFAULT_MAX_LATENCY,
    batch: bool = False,
    **kwargs: Any,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a method an inference API."""
    from bentoml.adapters import BaseInputAdapter, BaseOutputAdapter, DefaultOutput

    def decorator(func: Callable[..., Any]) -> Callable[..., Any]:
        name = func.__name__ if api_name is None else api_name
        path = name if route is None else route
        _validate_api_name(name)
        _validate_route(path)
        if not isinstance(batch, bool):
            raise InvalidArgument("batch must be True or False, not %r" % (batch,))
        if input is None:
            if not (args and inspect.isclass(args[0]) and issubclass(args[0], BaseInputAdapter)):
                raise InvalidArgument("BentoService @api decorator first parameter must be an instance of a class derived from bentoml.adapters.BaseInputAdapter ")
            input_adapter = args[0](*args[1:], **kwargs)
            output_adapter = DefaultOutput()
        else:
            assert isinstance(input, BaseInputAdapter), (
                "API input parameter must be an instance of a class derived from bentoml.adapters.BaseInputAdapter"
            )
            input_adapter = input
            output_adapter = DefaultOutput() if output is None else output
            assert isinstance(output_adapter, BaseOutputAdapter), (
                "API output parameter must be an instance of a class derived from bentoml.adapters.BaseOutputAdapter"
            )
        doc = func.__doc__ if api_doc is None else api_doc
        values = {
            "is_api": True,
            "input_adapter": input_adapter,
            "output_adapter": output_adapter,
            "api_name": name,
            "api_route": _stored_route(path),
            "api_doc": inspect.cleandoc(doc) if doc else doc,
            "mb_max_batch_size": _positive("mb_max_batch_size", mb_max_batch_size),
            "mb_max_latency": _positive("mb_max_latency", mb_max_latency),
            "batch": batch,
        }
        for key, value in values.items():
            setattr(func, "_" + key, value)
        return func

    return decorator


def artifacts_decorator(artifacts: List[BentoServiceArtifact]) -> Callable[[type], type]:  # noqa: A002
    """Declare the artifacts of a service."""

    def decorator(cls: type) -> type:
        names = set()
        for artifact in artifacts:
            if not isinstance(artifact, BentoServiceArtifact):
                raise InvalidArgument("BentoService @artifacts decorator only accept list of BentoServiceArtifact instances, instead got type: '%s'" % type(artifact))
            if artifact.name in names:
                raise InvalidArgument("Duplicated artifact name `%s` detected. Each artifact within oneBentoService must have an unique name" % artifact.name)
            names.add(artifact.name)
        cls._declared_artifacts = artifacts  # type: ignore[attr-defined]
        return cls

    return decorator


def env_decorator(**kwargs: Any) -> Callable[[type], type]:
    """Declare what the service needs to run; see BentoServiceEnv."""

    def decorator(cls: type) -> type:
        cls._env = BentoServiceEnv(**kwargs)  # type: ignore[attr-defined]
        return cls

    return decorator


def web_static_content_decorator(web_static_content: str) -> Callable[[type], type]:  # noqa: A002
    """Serve a folder of files beside the APIs."""

    def decorator(cls: type) -> type:
        cls._web_static_content = web_static_content  # type: ignore[attr-defined]
        return cls

    return decorator


def ver_decorator(major: Optional[int], minor: Optional[int]) -> Callable[[type], type]:
    """Prefix versions with major.minor."""

    def decorator(cls: type) -> type:
        cls._version_major, cls._version_minor = major, minor  # type: ignore[attr-defined]
        return cls

    return decorator


class BentoService:
    """A prediction service: artifacts, environment, APIs. Subclass it and decorate methods with @api."""

    _bento_service_name: Optional[str] = None
    _bento_service_bundle_path: Optional[str] = None
    _bento_service_bundle_version: Optional[str] = None
    _env: Optional[BentoServiceEnv] = None
    _declared_artifacts: List[BentoServiceArtifact] = []
    _web_static_content: Optional[str] = None
    _version_major: Optional[int] = None
    _version_minor: Optional[int] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _check_unique(cls)

    def __init__(self) -> None:
        self._bento_service_version = self._bento_service_bundle_version
        self._dev_server: Any = None
        self._artifacts = ArtifactCollection.from_declared_artifact_list(self._declared_artifacts)
        if self._bento_service_bundle_path:
            self._artifacts.load_all(_artifacts_path(self._bento_service_bundle_path, self.name))
        self._inference_apis: List[InferenceAPI] = []
        self._config_inference_apis()
        self._config_environments()

    def _config_inference_apis(self) -> None:
        for _, function in inspect.getmembers(type(self), predicate=inspect.isfunction):
            if hasattr(function, "_is_api"):
                self._inference_apis.append(
                    InferenceAPI(
                        self,
                        function._api_name,
                        function._api_doc,
                        input_adapter=function._input_adapter,
                        user_func=function.__get__(self),
                        output_adapter=function._output_adapter,
                        mb_max_latency=function._mb_max_latency,
                        mb_max_batch_size=function._mb_max_batch_size,
                        batch=function._batch,
                        route=function._api_route,
                    )
                )

    def _config_environments(self) -> None:
        if type(self)._env is None:
            type(self)._env = BentoServiceEnv()
        if self._bento_service_bundle_path:
            return  # a loaded bundle's environment was written when it was saved
        for api in self._inference_apis:
            self.env.add_pip_packages(api.input_adapter.pip_dependencies)
            self.env.add_pip_packages(api.output_adapter.pip_dependencies)
        for artifact in self.artifacts.values():
            artifact.set_dependencies(self.env)

    class _Name:
        def __get__(self, obj: Any, owner: Any) -> str:
            name = owner._bento_service_name
            if name is None:
                return owner.__name__
            if not name.isidentifier():
                raise InvalidArgument('BentoService#_bento_service_name must be valid python identifier matching regex `(letter|"_")(letter|digit|"_")*`')
            return name

    name = _Name()

    @property
    def inference_apis(self) -> List[InferenceAPI]:
        return self._inference_apis

    def get_inference_api(self, api_name: Optional[str]) -> InferenceAPI:
        if not api_name:
            return self._inference_apis[0]
        for api in self._inference_apis:
            if api.name == api_name:
                return api
        raise NotFound("Can't find API '%s' in service '%s'" % (api_name, self.name))

    @property
    def artifacts(self) -> ArtifactCollection:
        return self._artifacts

    @property
    def env(self) -> BentoServiceEnv:
        assert self._env is not None
        return self._env

    @property
    def web_static_content(self) -> Optional[str]:
        return self._web_static_content

    def get_web_static_content_path(self) -> Optional[str]:
        if not self.web_static_content:
            return None
        if self._bento_service_bundle_path:
            return os.path.join(self._bento_service_bundle_path, self.name, "web_static_content")
        return os.path.join(os.getcwd(), self.web_static_content)

    def pack(self, name: str, *args: Any, **kwargs: Any) -> "BentoService":
        """Put an object into a declared artifact."""
        if not isinstance(self, BentoService):
            raise BentoMLException("BentoService.pack is a method of an instance: make one first")
        self.artifacts.get(name).pack(*args, **kwargs)
        return self

    def versioneer(self) -> str:
        """A new version; may be overridden."""
        from datetime import datetime

        return datetime.now().strftime("%Y%m%d%H%M%S") + "_" + uuid.uuid4().hex[:6].upper()

    def set_version(self, version_str: Optional[str] = None) -> str:
        if version_str is None:
            version_str = self.versioneer()
        if self._version_major is not None and self._version_minor is not None:
            version_str = "%s.%s.%s" % (self._version_major, self._version_minor, version_str)
        validate_version_str(version_str)
        if self._bento_service_version is not None and self._bento_service_version != version_str:
            logger.warning("Resetting BentoService '%s' version from %s to %s", self.name, self._bento_service_version, version_str)
        self._bento_service_version = version_str
        return version_str

    @property
    def version(self) -> str:
        if self._bento_service_version is None:
            self.set_version(self.versioneer())
        return str(self._bento_service_version)

    @property
    def tag(self) -> str:
        return "%s:%s" % (self.name, self.version)

    def save(self, yatai_url: Optional[str] = None, version: Optional[str] = None, labels: Any = None) -> str:
        """Save as a bundle in the local repository; returns its path."""
        from bentoml.saved_bundle import save_to_repository

        if yatai_url:
            raise BentoMLException("saving to a remote registry is not supported by this version: save locally and push")
        return save_to_repository(self, version, labels)

    def save_to_dir(self, path: str, version: Optional[str] = None) -> None:
        """Save as a bundle in an existing folder."""
        from bentoml.saved_bundle import save_to_dir

        save_to_dir(self, path, version)

    def start_dev_server(self, port: Optional[int] = None, enable_ngrok: bool = False, debug: bool = False) -> None:
        """Serve this service from a child process until stop_dev_server()."""
        import subprocess
        import tempfile

        if self._dev_server:
            logger.warning("There is already a running dev server, please call `service.stop_dev_server()` first.")
            return
        folder = tempfile.mkdtemp(prefix="bentoml-dev-")
        self.save_to_dir(folder)
        command = [os.path.join(os.path.dirname(sys.executable), "bentoml"), "serve", folder, "--python", sys.executable]
        self._dev_server = (subprocess.Popen(command + (["--port", str(port)] if port else [])), folder)

    def stop_dev_server(self, skip_log: bool = False) -> None:
        """Stop what start_dev_server() started."""
        import shutil

        if self._dev_server:
            process, folder = self._dev_server
            self._dev_server = None
            process.terminate()
            process.wait(60)
            shutil.rmtree(folder, ignore_errors=True)
        elif not skip_log:
            logger.warning("No dev server is running.")


def _artifacts_path(bundle: str, name: str) -> str:
    direct = os.path.join(bundle, "artifacts")
    return direct if os.path.isdir(direct) else os.path.join(bundle, name, "artifacts")


def save(bento_service: BentoService, base_path: Optional[str] = None, version: Optional[str] = None, labels: Any = None) -> str:
    """Deprecated form of BentoService.save()."""
    from bentoml.saved_bundle import save_to_repository

    return save_to_repository(bento_service, version, labels, home=base_path)


api = api_decorator
artifacts = artifacts_decorator
env = env_decorator
ver = ver_decorator
web_static_content = web_static_content_decorator
