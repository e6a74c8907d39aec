#!/usr/bin/env bash
# Style and static analysis of every language in the tree. Each finding is an error; the lists of checks carry the reasons of what is off.
set -u
cd "$(dirname "$0")/.."
status=0
say() { echo "$1" >&2; status=1; }

c_files=$(git ls-files 'src/*.c' 'python/core/*.c')
headers=$(git ls-files 'src/*.h' 'include/*.h' 'python/core/*.h')
others=$(git ls-files 'tests/*.[ch]' 'fuzz/*.c' 'bench/*.c')

.venv/bin/python tools/check_layers.py || say "lint: the layers are broken"
.venv/bin/ruff check -q python tools tests bench examples || say "lint: ruff"
clang-format --dry-run -Werror $c_files $headers $others || say "lint: run 'make format'"

# clang knows the flags of CMake's database, but not gcc's own warnings.
[ -e build/debug/compile_commands.json ] || cmake --preset debug > /dev/null
include=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("include"))')
check() { clang-tidy --quiet -p build/debug --extra-arg=-Wno-unknown-warning-option --extra-arg=-isystem"$include" "$1" 2>/dev/null; }
export -f check
export include
printf '%s\n' $c_files | xargs -P "$(nproc)" -I{} bash -c 'check {}' || say "lint: clang-tidy"
exit $status
