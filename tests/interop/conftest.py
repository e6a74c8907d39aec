"""Environments on CPython 3.8 with the real BentoML 0.13.1 and with ours, made once in build/interop and kept."""
import glob
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

NO_INTERPRETER = "CPython 3.8 is not on this machine"
NO_INDEX = "PyPI is out of reach"
COMMON = ["pandas<2", "numpy<1.24", "scikit-learn", "pillow", "imageio"]
REAL = [
    "bentoml==0.13.1", "setuptools<60", "pip<24", "protobuf<3.19", "Werkzeug<2.1", "Flask<2.1", "Jinja2<3.1", "MarkupSafe<2.1",
    "itsdangerous<2.1", "SQLAlchemy<1.4", "click<8.1",
]  # fmt: skip
PIP = ["-m", "pip", "--disable-pip-version-check"]


def interpreter():
    """A CPython 3.8 with headers and venv, or None."""
    found = glob.glob(os.path.expanduser("~/.pyenv/versions/3.8.*/bin/python")) + [shutil.which("python3.8") or ""]
    probe = "import os, sys, sysconfig, venv, ensurepip; assert os.path.exists(sysconfig.get_path('include') + '/Python.h'); print(sys.version_info[:2])"
    for path in filter(None, found):
        if subprocess.run([path, "-c", probe], capture_output=True, text=True).stdout.strip() == "(3, 8)":
            return path
    return None


def index_reachable(python):
    """Whether pip gets at PyPI, by fetching the one file that the test cannot do without."""
    with tempfile.TemporaryDirectory() as folder:
        command = [python, *PIP, "download", "-q", "--no-deps", "--no-cache-dir", "-d", folder, "bentoml==0.13.1"]
        return subprocess.run(command, capture_output=True).returncode == 0


def make_environment(folder, stamp, commands):
    """A venv in which pip has run `commands`; a finished one carries its stamp."""
    python = folder / "bin/python"
    mark = folder / ".stamp"
    if mark.is_file() and mark.read_text() == stamp and python.exists():
        return
    base = interpreter()
    if base is None:
        pytest.skip(NO_INTERPRETER)
    mark.unlink() if mark.is_file() else None
    if not python.exists():
        subprocess.run([base, "-m", "venv", str(folder)], check=True)
    for words in commands:
        done = subprocess.run([str(python), *PIP, "install", "-q", *words], capture_output=True, text=True, cwd=str(ROOT))
        if done.returncode and not index_reachable(str(python)):
            pytest.skip(NO_INDEX)
        assert done.returncode == 0, done.stdout + done.stderr
    mark.write_text(stamp)


class Side:
    """One of the two BentoMLs: its interpreter, its command, and agent.py inside it."""

    def __init__(self, name, bin_folder):
        self.name = name
        self.python = str(bin_folder / "python")
        self.command = str(bin_folder / "bentoml")

    def environment(self, home):
        env = dict(os.environ, BENTOML_HOME=str(home), BENTOML_DO_NOT_TRACK="True", COLUMNS="120", LC_ALL="C.UTF-8", PYTHONWARNINGS="ignore")
        env.pop("BENTOML_PYTHON", None)
        env.pop("PYTHONPATH", None)
        env.pop("BENTO_BIN", None)
        return env

    def start(self, what, argument, home, cwd):
        """(process, file of its result) of agent.py."""
        result = tempfile.NamedTemporaryFile(suffix=".json", dir=str(cwd), delete=False).name
        command = [self.python, str(HERE / "agent.py"), what, result, json.dumps(argument)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, env=self.environment(home), cwd=str(cwd), **pipes), result

    def finish(self, started):
        process, result = started
        out = process.communicate(timeout=120)[0]
        print(out)  # for the report of a failure
        assert process.returncode == 0, out
        return json.loads(pathlib.Path(result).read_text())

    def agent(self, what, argument, home, cwd):
        return self.finish(self.start(what, argument, home, cwd))

    def run(self, home, *words, cwd=None):
        env = self.environment(home)
        return subprocess.run([self.command, *words], env=env, capture_output=True, text=True, timeout=120, cwd=cwd and str(cwd), stdin=subprocess.DEVNULL)


@pytest.fixture(scope="session")
def real():
    folder = ROOT / "build/interop/real"
    # setup.py of old dependencies needs the old setuptools while they are built
    make_environment(folder, "\n".join(REAL + COMMON), [["setuptools<60", "pip<24", "wheel"], REAL + COMMON])
    return Side("real", folder / "bin")


@pytest.fixture(scope="session")
def ours():
    """Our wheel on CPython 3.8, with the very packages beside it that the real one has."""
    folder = ROOT / "build/interop/ours"
    state = ROOT / ".venv/.wheel"
    stamp = "\n".join([state.read_text() if state.is_file() else os.urandom(8).hex()] + COMMON)
    make_environment(folder, stamp, [COMMON, ["--force-reinstall", "--no-deps", "."]])
    return Side("ours", folder / "bin")


@pytest.fixture(scope="session")
def default():
    """Our wheel on the interpreter of the tests."""
    return Side("default", pathlib.Path(sys.executable).parent)
