#!/usr/bin/env bash
# Install what building and testing need, if it is missing: Debian packages, and a virtual environment in .venv.
set -eu
cd "$(dirname "$0")/.."

packages="build-essential cmake ninja-build pkg-config libuv1-dev libjansson-dev libsqlite3-dev libyaml-dev zlib1g-dev python3 python3-dev python3-venv node-llhttp curl clang-format clang-tidy"
missing=
for p in $packages; do
  dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
if [ -n "$missing" ]; then
  if [ "$(id -u)" != 0 ]; then
    echo "setup: these packages are missing:$missing" >&2
    echo "hint: run 'apt-get install$missing' as root, then again" >&2
    exit 1
  fi
  echo "installing$missing"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends $missing > /dev/null
fi

python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3)
if [ ! -x .venv/bin/python ]; then
  "$python" -m venv .venv
fi
stamp=.venv/.requirements
if ! cmp -s tests/requirements.txt "$stamp"; then
  .venv/bin/pip install -q --disable-pip-version-check -r tests/requirements.txt
  cp tests/requirements.txt "$stamp"
fi
