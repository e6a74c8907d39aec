"""The OpenAPI document of a service."""
from typing import Any, Dict

_INFO = (
    'To get a client SDK, copy all content from <a href="/docs.json">docs</a> and paste into '
    '<a href="https://editor.swagger.io">editor.swagger.io</a> then click the tab <strong>Generate Client</strong> '
    "and choose the language."
)
_OK = {"200": {"description": "success"}}


def _infra(description: str) -> Dict[str, Any]:
    return {"tags": ["infra"], "description": description, "responses": _OK}


def openapi_document(service: Any) -> Dict[str, Any]:
    """Infrastructure routes first, then each API."""
    feedback = _infra("Predictions feedback endpoint. Expecting feedback request in JSON format and must contain a `request_id` field, which can be obtained from any BentoService API response header")
    feedback["requestBody"] = {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["request_id"],
                    "properties": {"request_id": {"type": "uuid"}},
                    "example": {"request_id": "3f1a2c9e-1c9a-4a3f-9c06-2d1e6f6a7b10", "feedback_foo": "bar"},
                }
            }
        },
    }
    paths: Dict[str, Any] = {
        "/healthz": {"get": _infra("Health check endpoint. Expecting an empty response with status code <code>200</code> when the service is in health state")},
        "/metadata": {"get": _infra("BentoService metadata endpoint. Returns the BentoService's metadata")},
        "/metrics": {"get": _infra("Prometheus metrics endpoint")},
        "/feedback": {"post": feedback},
    }
    for api in service.inference_apis:
        paths["/" + api.route] = {
            "post": {
                "tags": ["app"],
                "description": api.doc,
                "requestBody": {"required": True, "content": api.request_schema},
                "responses": _OK,
            }
        }
    return {
        "openapi": "3.0.0",
        "info": {"version": service.version, "title": service.name, "description": _INFO},
        "tags": [{"name": "infra"}, {"name": "app"}],
        "paths": paths,
    }
