"""Texts of the generated files of a bundle."""

README = """# Generated BentoService bundle - {name}:{version}

This folder was written by BentoML. It holds the service's code, its packed artifacts and what it needs to run;
`bentoml serve` with this folder starts it, `pip install` makes it a package with a `load()` function.

{doc}
"""

INIT = '''"""The packed service {name}: import it after `pip install` of the bundle."""
import os

from bentoml import saved_bundle

__VERSION__ = "{version}"
__version__ = __VERSION__
__module_path = os.path.abspath(os.path.dirname(__file__))

{name} = saved_bundle.load_bento_service_class(__module_path)


def load():
    """A ready instance."""
    return {name}()


def cli():
    """The command of the package's own name."""
    import sys

    os.execvp("bentoml", ["bentoml", sys.argv[1], __module_path] + sys.argv[2:] if sys.argv[1:] else ["bentoml", "--help"])


__all__ = ["__version__", "__VERSION__", "{name}", "load"]
'''

SETUP_PY = '''"""Makes the bundle installable."""
import os

from setuptools import find_packages, setup


def read(name):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as f:
        return f.read()


def requirements():
    lines = (line.strip() for line in read("requirements.txt").splitlines())
    return [line for line in lines if line and not line.startswith(("#", "-"))]


setup(
    name="{name}",
    version="{version}",
    description="BentoML generated model module",
    long_description=read("README.md"),
    packages=find_packages(),
    include_package_data=True,
    package_data={{"{name}": ["bentoml.yml", "artifacts/*", "zipimports/*"]}},
    install_requires=requirements(),
    entry_points={{"console_scripts": ["{name}={name}:cli"]}},
)
'''

MANIFEST = "include {name}/bentoml.yml\ngraft {name}/artifacts\ngraft {name}/zipimports\n"

DOCKERFILE = """FROM {base_image}

# Extra arguments of pip, given with --build-arg EXTRA_PIP_INSTALL_ARGS=...
ARG EXTRA_PIP_INSTALL_ARGS=
ENV EXTRA_PIP_INSTALL_ARGS $EXTRA_PIP_INSTALL_ARGS

ARG UID=1034
ARG GID=1034
RUN groupadd -g $GID -o bentoml && useradd -m -u $UID -g $GID -o -r bentoml

ARG BUNDLE_PATH=/home/bentoml/bundle
ENV BUNDLE_PATH=$BUNDLE_PATH
ENV BENTOML_HOME=/home/bentoml/

RUN mkdir $BUNDLE_PATH && chown bentoml:bentoml $BUNDLE_PATH -R
WORKDIR $BUNDLE_PATH

# One layer per step, so that a change of the model does not install packages again.
COPY --chown=bentoml:bentoml bentoml-init.sh docker-entrypoint.sh ./
COPY --chown=bentoml:bentoml setup.s[h] ./
RUN ./bentoml-init.sh custom_setup
COPY --chown=bentoml:bentoml python_versio[n] ./
RUN ./bentoml-init.sh ensure_python
COPY --chown=bentoml:bentoml environment.ym[l] ./
RUN ./bentoml-init.sh restore_conda_env
COPY --chown=bentoml:bentoml requirements.tx[t] ./
RUN ./bentoml-init.sh install_pip_packages
COPY --chown=bentoml:bentoml bundled_pip_dependencie[s] ./bundled_pip_dependencies/
RUN ./bentoml-init.sh install_bundled_pip_packages
COPY --chown=bentoml:bentoml . ./

EXPOSE 5000
USER bentoml
RUN chmod +x ./docker-entrypoint.sh
ENTRYPOINT [ "./docker-entrypoint.sh" ]
CMD [ "bentoml", "serve-gunicorn", "./" ]
"""

ENTRYPOINT = """#!/usr/bin/env bash
# Start the bundle: options alone go to the server, anything else is run as it is.
set -Eeuo pipefail

if [ "${1:0:1}" = '-' ]; then
  set -- bentoml serve-gunicorn "$@" "$BUNDLE_PATH"
fi
if [ -n "${PORT:-}" ]; then
  export BENTOML_PORT=$PORT
fi
exec "$@"
"""

INIT_SH = """#!/usr/bin/env bash
# Prepare a machine or an image for the bundle in this folder. Without an argument: all steps, in order.
set -ex
SCRIPT_DIR="$( cd "$( dirname "${BASH_SOURCE[0]}" )" > /dev/null 2>&1 && pwd )"
cd "$SCRIPT_DIR"

custom_setup() {
  if [ -f ./setup.sh ]; then
    chmod +x ./setup.sh
    bash -c ./setup.sh
  fi
}

ensure_python() {
  [ -f ./python_version ] || return 0
  wanted=$(cut -d. -f1,2 ./python_version)
  present=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  if [ "$wanted" != "$present" ]; then
    if command -v conda > /dev/null; then
      conda install -y -n base "python=$wanted"
    else
      echo "WARNING: Python $present is installed, the bundle was saved with $wanted" >&2
    fi
  fi
}

restore_conda_env() {
  [ -f ./environment.yml ] || return 0
  if command -v conda > /dev/null; then
    conda env update -n base -f ./environment.yml
  else
    echo "WARNING: conda is not here, environment.yml is ignored" >&2
  fi
}

install_pip_packages() {
  if [ -s ./requirements.txt ]; then
    pip install -r ./requirements.txt --no-cache-dir $EXTRA_PIP_INSTALL_ARGS
  fi
}

install_bundled_pip_packages() {
  [ -d ./bundled_pip_dependencies ] || return 0
  for package in ./bundled_pip_dependencies/*; do
    [ ! -e "$package" ] || pip install -U "$package"
  done
}

if [ $# -eq 0 ]; then
  for step in custom_setup ensure_python restore_conda_env install_pip_packages install_bundled_pip_packages; do
    $step
  done
else
  "$1"
fi
"""
