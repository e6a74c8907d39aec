"""Saved bundles: writing them, registering them, loading them."""
from bentoml.saved_bundle.bundler import save_to_dir, save_to_repository
from bentoml.saved_bundle.loader import (
    load_bento_service_api,
    load_bento_service_class,
    load_bento_service_metadata,
    load_from_dir,
    load_saved_bundle_config,
    safe_retrieve,
)

load = load_from_dir

__all__ = [
    "load",
    "load_bento_service_api",
    "load_bento_service_class",
    "load_bento_service_metadata",
    "load_from_dir",
    "load_saved_bundle_config",
    "safe_retrieve",
    "save_to_dir",
    "save_to_repository",
]
