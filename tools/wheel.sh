#!/usr/bin/env bash
# Build the wheel and install it into .venv, unless what it is made of has not changed.
set -eu
cd "$(dirname "$0")/.."
state=$(cat CMakeLists.txt pyproject.toml README.md $(find cmake src include python -type f \( -name '*.[ch]' -o -name '*.py' -o -name '*.pyi' -o -name '*.cmake' \) | sort) | sha256sum)
if [ -x .venv/bin/bentoml ] && [ "$(cat .venv/.wheel 2>/dev/null)" = "$state" ]; then
  exit 0
fi
.venv/bin/pip install -q --disable-pip-version-check .
echo "$state" > .venv/.wheel
