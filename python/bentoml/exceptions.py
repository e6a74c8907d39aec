"""Exceptions of BentoML; each knows the HTTP status with which it is answered."""
from typing import Any


class BentoMLException(Exception):
    """Base of all of them."""

    proto_status_code = 13  # INTERNAL
    status_code = 500


class Unauthenticated(BentoMLException):
    """Missing or wrong credentials."""

    proto_status_code = 16
    status_code = 401


class InvalidArgument(BentoMLException):
    """A caller gave something that cannot be used."""

    proto_status_code = 3
    status_code = 400


class BadInput(InvalidArgument):
    """An API was called with input that it cannot handle."""


class APIDeprecated(InvalidArgument):
    """A form of the API that no longer exists."""


class NotFound(BentoMLException):
    """Something named does not exist."""

    proto_status_code = 5
    status_code = 404


class FailedPrecondition(BentoMLException):
    """The object is not in the state that the operation needs."""

    proto_status_code = 9


class LockUnavailable(FailedPrecondition):
    """Another process holds the lock."""


class RemoteException(BentoMLException):
    """A remote party failed; `payload` is what it said."""

    def __init__(self, *args: Any, payload: Any = None) -> None:
        self.payload = payload
        super().__init__(*args)


class BentoMLRpcError(BentoMLException):
    """A remote call failed."""

    def __init__(self, grpc_error: Any, message: str) -> None:
        super().__init__(message)
        self.grpc_error = grpc_error


class ArtifactLoadingException(BentoMLException):
    """An artifact cannot be loaded."""


class BentoMLConfigException(BentoMLException):
    """The service or the configuration is inconsistent."""


class MissingDependencyException(BentoMLException):
    """A framework that is needed is not installed."""


class CLIException(BentoMLException):
    """A command line cannot be carried out."""


class YataiServiceException(BentoMLException):
    """The registry failed."""


class YataiServiceRpcAborted(YataiServiceException):
    """The registry broke a call off."""

    proto_status_code = 10


class YataiDeploymentException(YataiServiceException):
    """A deployment failed."""


class AWSServiceError(YataiDeploymentException):
    """AWS refused something."""


class AzureServiceError(YataiDeploymentException):
    """Azure refused something."""


class YataiRepositoryException(YataiServiceException):
    """The bundle repository failed."""


class YataiLabelException(YataiServiceException):
    """A label or selector is malformed."""
