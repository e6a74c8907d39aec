"""Local Python modules that a service imports, and the distributions that it needs."""
import ast
import importlib.util
import logging
import os
import sys
from typing import Dict, Iterator, Set

logger = logging.getLogger("bentoml")


def imported_names(path: str) -> Iterator[str]:
    """Absolute dotted names imported anywhere in a file, functions included."""
    with open(path, "rb") as f:
        tree = ast.parse(f.read(), path)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            for alias in node.names:
                yield node.module + "." + alias.name


def _file_of(name: str) -> str:
    """Source file of a module, or ''."""
    module = sys.modules.get(name)
    path = getattr(module, "__file__", None)
    if not path:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError, AttributeError):
            return ""
        path = spec.origin if spec else None
    return path if path and path.endswith(".py") and os.path.isfile(path) else ""


def is_local(path: str) -> bool:
    """Whether a file belongs to the project: not installed, not of Python itself."""
    path = os.path.realpath(path)
    installed = [p for p in (sys.prefix, sys.base_prefix, os.path.dirname(os.__file__)) if p]
    if "site-packages" in path or "dist-packages" in path:
        return False
    return not any(path.startswith(os.path.join(os.path.realpath(p), "")) for p in (installed[2],)) and "/lib/python" not in path


def local_modules(module_name: str, module_file: str) -> Dict[str, str]:
    """Dotted name to file of the service's module and all local modules it reaches."""
    found = {module_name: module_file}
    queue = [module_file]
    while queue:
        for name in imported_names(queue.pop()):
            parts = name.split(".")
            if parts[0] == "bentoml":
                continue
            for end in range(1, len(parts) + 1):
                dotted = ".".join(parts[:end])
                path = "" if dotted in found else _file_of(dotted)
                if path and is_local(path) and path not in found.values():
                    found[dotted] = path
                    queue.append(path)
    return found


def needed_distributions(modules: Dict[str, str]) -> Dict[str, str]:
    """name to version of the installed distributions whose modules are imported."""
    import importlib.metadata as metadata

    tops: Set[str] = {name.split(".")[0] for path in modules.values() for name in imported_names(path)}
    tops -= {name.split(".")[0] for name in modules} | {"bentoml"}
    provided: Dict[str, Set[str]] = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        text = distribution.read_text("top_level.txt") or ""
        if text.strip():
            names = set(text.split())
        else:
            names = {str(f).split("/")[0] for f in distribution.files or () if str(f).endswith(".py") and "/" in str(f)}
        for top in names & tops:
            provided.setdefault(top, set()).add(name)
    needed = {}
    builtin = set(sys.builtin_module_names) | set(getattr(sys, "stdlib_module_names", ()))
    for top in sorted(tops):
        for name in provided.get(top, ()):
            if name != "setuptools":
                needed[name] = metadata.version(name)
        if top not in provided and top not in builtin and not _is_standard(top):
            logger.warning("unknown package dependency for module: %s", top)
    return needed


def _is_standard(name: str) -> bool:
    path = _file_of(name)
    return path.startswith(os.path.dirname(os.__file__)) or not path
