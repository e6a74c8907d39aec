#!/usr/bin/env python3
"""Fail on an #include between layers that tools/layers.txt does not declare, and on allocation outside its one door."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
ALLOC = re.compile(r"(?<![\w.>])(malloc|calloc|realloc|free|strdup|strndup)\s*\(")


def allowed() -> "dict[str, set[str]]":
    table = {}
    for line in (ROOT / "tools/layers.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, uses = line.partition(":")
            table[name] = set(uses.split()) | {name}
    return table


def layer_of(path: pathlib.Path) -> str:
    parts = path.relative_to(ROOT).parts
    return "include" if parts[0] == "include" else "python" if parts[0] == "python" else parts[1]


def target_of(name: str, source: pathlib.Path) -> str:
    if name.startswith("bento/"):
        return "include"
    if "/" not in name:
        return layer_of(source)
    return name.split("/")[0]


def main() -> int:
    table, faults = allowed(), []
    sources = [p for d in ("include", "src", "python") for p in sorted((ROOT / d).rglob("*.[ch]"))]
    for path in sources:
        layer = layer_of(path)
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            where = "%s:%d" % (path.relative_to(ROOT), number)
            found = INCLUDE.match(line)
            if found and target_of(found.group(1), path) not in table.get(layer, set()):
                faults.append("%s: layer '%s' must not include \"%s\"" % (where, layer, found.group(1)))
            code = line.split("/*")[0].split("//")[0]
            if path.name != "alloc.c" and not line.lstrip().startswith("*") and ALLOC.search(code):
                faults.append("%s: allocation goes through base/alloc.h" % where)
    for fault in faults:
        print(fault, file=sys.stderr)
    print("layers: %d files, %d faults" % (len(sources), len(faults)))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
