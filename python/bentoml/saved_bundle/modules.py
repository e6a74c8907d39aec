"""Local Python modules that a service imports, and the distributions that it needs."""
import ast
import importlib.util
import logging
import os
import pkgutil
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any, Dict, Iterator, List, Set, Tuple

logger = logging.getLogger("bentoml")


def imported_names(path: str, package: str = "") -> Iterator[str]:
    """Dotted names imported anywhere in a file, functions included; relative ones as seen from the package."""
    if not path.endswith(".py"):
        return
    try:
        with open(path, "rb") as f:
            tree = ast.parse(f.read(), path)
    except (SyntaxError, ValueError):
        return  # not imported yet, or the service would not exist: it is copied as it is
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, package)
            if base:
                yield base
                for alias in node.names:
                    yield base + "." + alias.name


def _base(node: ast.ImportFrom, package: str) -> str:
    """The absolute name behind `from`, or '' when it leads nowhere."""
    if not node.level:
        return node.module or ""
    parts = package.split(".") if package else []
    if node.level > len(parts):
        return ""
    return ".".join(parts[: len(parts) - node.level + 1] + ([node.module] if node.module else []))


def _package_of(name: str, path: str) -> str:
    return name if os.path.basename(path) == "__init__.py" else name.rpartition(".")[0]


def _find(name: str) -> Any:
    """The spec of a module. Unlike importlib.util.find_spec this runs no code of packages that are not imported yet."""
    parent = name.rpartition(".")[0]
    try:
        if not parent:
            return importlib.util.find_spec(name)
        where = _search_path(parent)
        specs = (f.find_spec(name, where) for f in sys.meta_path if hasattr(f, "find_spec")) if where else iter(())
        return next((s for s in specs if s), None)
    except (ImportError, ValueError, AttributeError):
        return None


def _search_path(package: str) -> List[str]:
    loaded = sys.modules.get(package)
    where = getattr(loaded, "__path__", None) if loaded else getattr(_find(package), "submodule_search_locations", None)
    return list(where or ())


def _file_of(name: str) -> str:
    """Source file (or extension) of a module, or ''."""
    path = getattr(sys.modules.get(name), "__file__", None)
    if not path:
        spec = _find(name)
        path = spec.origin if spec else None
    usable = path and path.endswith((".py", *EXTENSION_SUFFIXES)) and os.path.isfile(path)
    return path if usable else ""


def is_local(path: str) -> bool:
    """Whether a file belongs to the project: not installed, not of Python itself."""
    path = os.path.realpath(path)
    installed = [p for p in (sys.prefix, sys.base_prefix, os.path.dirname(os.__file__)) if p]
    if "site-packages" in path or "dist-packages" in path:
        return False
    return not any(path.startswith(os.path.join(os.path.realpath(p), "")) for p in (installed[2],)) and "/lib/python" not in path


def _prefixes(dotted: str) -> Iterator[str]:
    parts = dotted.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _expanded(name: str) -> Iterator[str]:
    """The name with its parents; `a.*` may mean any submodule of a."""
    if name.endswith(".*"):
        name = name[:-2]
        yield from (name + "." + m.name for m in pkgutil.iter_modules(_search_path(name)))
    yield from _prefixes(name)


def local_modules(module_name: str, module_file: str) -> Dict[str, str]:
    """Dotted name to file of the service's module, the packages around it and all local modules that these reach."""
    own = module_name.split(".")[0] if "." in module_name else None
    found = {module_name: module_file}
    queue: List[Tuple[str, str]] = [(module_name, module_file)]

    def meet(dotted: str) -> None:
        path = "" if dotted in found else _file_of(dotted)
        # A package that holds the service goes along even if it is installed: the copy hides the installed one.
        if path and (dotted.split(".")[0] == own or is_local(path)):
            found[dotted] = os.path.abspath(path)
            queue.append((dotted, path))

    for dotted in _prefixes(module_name):
        meet(dotted)
    while queue:
        name, path = queue.pop()
        for imported in imported_names(path, _package_of(name, path)):
            if imported.split(".")[0] != "bentoml":
                for dotted in _expanded(imported):
                    meet(dotted)
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
