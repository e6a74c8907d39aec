"""The servers that are compared: how to install, start and ask each of them.

Every server lives in a virtual environment of its own below build/bench-venvs, made once, with the newest scikit-learn that its
interpreter can have. All fit the same classifier on the same data and run two worker processes.
"""
import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
VENVS = BUILD / "bench-venvs"
WORK = BUILD / "bench-work"
SERVICES = ROOT / "bench" / "services"
BODY = "[[5.1,3.5,1.4,0.2]]"
WORKERS = 2

# The newest for all; on CPython 3.8 pip finds 1.3.2, which the real 0.13.1 needs NumPy of its time for.
SKLEARN = ["scikit-learn", "pandas"]
SKLEARN_38 = ["scikit-learn==1.3.2", "numpy<1.25"]
# What BentoML 0.13.1 of 2021 needs to run at all.
PINS_013 = [
    "bentoml==0.13.1", "setuptools<60", "pip<24", "protobuf<3.19", "Werkzeug<2.1", "Flask<2.1", "Jinja2<3.1",
    "MarkupSafe<2.1", "itsdangerous<2.1", "SQLAlchemy<1.4", "click<8.1", "pandas<2",
]


class Unavailable(Exception):
    """A server cannot be measured here; the text says why."""


@dataclass
class Server:
    """One server under test. `{python}`, `{port}` and `{bundle}` are filled in."""

    name: str
    about: str
    argv: List[str]
    python: str = ""  # version; empty: no environment
    packages: List[str] = field(default_factory=list)
    shown: str = ""  # package whose version is reported
    prepare: List[str] = field(default_factory=list)
    path: str = "/predict"
    method: str = "POST"
    body: str = BODY
    answers: str = "[0]"  # without spaces; empty: anything
    env: Dict[str, str] = field(default_factory=dict)
    executable: Optional[Path] = None  # ours: instead of an environment

    def interpreter(self) -> Path:
        """Python of this server's environment."""
        if self.executable:
            return self.executable.parent / "python"
        return VENVS / self.name / "bin" / "python"

    def model(self) -> Path:
        """The classifier, pickled by this environment."""
        return WORK / (self.name + ".pickle")

    def fill(self, argv: List[str], port: int) -> List[str]:
        """A command line with its placeholders filled in."""
        values = {
            "python": str(self.interpreter()),
            "bin": str(self.executable or self.interpreter().parent),
            "port": str(port),
            "bundle": str(WORK / (self.name + "-bundle")),
            "workers": str(WORKERS),
            "services": str(SERVICES),
            "build": str(BUILD / "release"),
        }
        return [part.format(**values) for part in argv]

    def environment(self) -> Dict[str, str]:
        """Environment of its processes: nothing of ours leaks in, one thread per library."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("BENTOML_", "PYTHON", "VIRTUAL_ENV"))}
        home = WORK / (self.name + "-home")
        home.mkdir(parents=True, exist_ok=True)
        env.update(
            BENTOML_HOME=str(home), BENTOML_DO_NOT_TRACK="True", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1",
            IRIS_MODEL=str(self.model()), PATH=str(self.interpreter().parent) + os.pathsep + os.environ.get("PATH", ""),
        )
        env.update(self.env)
        return env


def peers() -> List[Server]:
    """Everybody but ourselves."""
    return [
        Server(
            "bentoml-0.13", "0.13.1, gunicorn behind its micro-batching proxy",
            ["{python}", "-m", "bentoml", "serve-gunicorn", "{bundle}", "--port", "{port}", "--workers", "{workers}",
             "--enable-microbatch"],
            "3.8", PINS_013 + SKLEARN_38, "bentoml",
            ["{python}", "{services}/iris_bundle.py", "{bundle}"],
        ),
        Server(
            "bentoml-1.4", "newest 1.4, batchable API",
            ["{python}", "-m", "bentoml", "serve", "iris_bentoml14:Iris", "--working-dir", "{services}", "--port",
             "{port}", "--host", "127.0.0.1"],
            "3.11", ["bentoml>=1.4,<1.5"] + SKLEARN, "bentoml",
        ),
        Server(
            "fastapi", "FastAPI on uvicorn with uvloop and httptools, async handler",
            ["{python}", "-m", "uvicorn", "iris_fastapi:app", "--app-dir", "{services}", "--port", "{port}",
             "--workers", "{workers}", "--no-access-log", "--log-level", "warning"],
            "3.11", ["fastapi", "uvicorn[standard]"] + SKLEARN, "fastapi",
        ),
        Server(
            "litserve", "LitServe, defaults",
            ["{python}", "{services}/iris_litserve.py", "{port}", "{workers}"],
            "3.11", ["litserve"] + SKLEARN, "litserve",
        ),
    ]


OURS = VENVS / "ours" / "bin" / "bentoml"


def ours_packages(executable: Path) -> List[str]:
    """What the environment of ours needs; nothing when the user brings one."""
    return [str(ROOT)] + SKLEARN if executable == OURS else []


def sources_state() -> str:
    """Changes with everything our wheel is made of."""
    parts = ["CMakeLists.txt", "pyproject.toml"]
    for folder in ("cmake", "src", "include", "python"):
        parts += sorted(str(p.relative_to(ROOT)) for p in (ROOT / folder).rglob("*") if p.suffix in (".c", ".h", ".py", ".cmake"))
    return hashlib.sha256(b"".join((ROOT / part).read_bytes() for part in parts)).hexdigest()


def ours(executable: Path) -> List[Server]:
    """Our server: the iris service, and a route that no worker sees."""
    serve = ["{bin}", "serve-gunicorn", "{bundle}", "--port", "{port}", "--workers", "{workers}"]
    prepare = ["{python}", "{services}/iris_bundle.py", "{bundle}"]
    return [
        Server("ours", "this tree", serve, "3.11", ours_packages(executable), prepare=prepare, executable=executable),
        Server("ours-http", "HTTP layer only: GET /healthz", serve, "3.11", ours_packages(executable), prepare=prepare,
               executable=executable, path="/healthz", method="GET", body="", answers=""),
    ]


def echo() -> Server:
    """The floor: an epoll loop that reads a whole request and answers fixed bytes."""
    return Server("echo", "bare epoll, fixed answer", ["{build}/bento_echo", "{port}"], answers="")


def python_find(version: str) -> Path:
    """An interpreter of that version: on PATH, or of pyenv or uv."""
    candidates = [shutil.which("python" + version)]
    pyenv = Path(os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv"))) / "versions"
    for found in sorted(pyenv.glob(version + ".*/bin/python")):
        candidates.append(str(found))
    uv = Path.home() / ".local" / "share" / "uv" / "python"
    for found in sorted(uv.glob("cpython-" + version + ".*/bin/python3")):
        candidates.append(str(found))
    if sys.version.startswith(version + "."):
        candidates.append(sys.executable)
    for candidate in candidates:
        if not candidate:
            continue
        ran = subprocess.run([candidate, "-c", "import ssl, venv"], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, timeout=30, check=False)
        if ran.returncode == 0:
            return Path(candidate)
    raise Unavailable("no CPython " + version)


def run_quietly(argv: List[str], env: Optional[Dict[str, str]] = None, timeout: int = 900) -> str:
    """Output of a command; Unavailable with its last lines if it fails."""
    try:
        ran = subprocess.run(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
                             check=False, text=True)
    except subprocess.TimeoutExpired as error:
        raise Unavailable("%s took longer than %d s" % (Path(argv[0]).name, timeout)) from error
    except OSError as error:
        raise Unavailable(str(error)) from error
    if ran.returncode:
        lines = ran.stdout.strip().splitlines()[-3:]
        raise Unavailable("%s failed: %s" % (" ".join(argv[:4]), " / ".join(lines)))
    return ran.stdout


def install(server: Server) -> None:
    """Makes the server's environment unless one with these packages is there."""
    if not server.packages:
        return
    home = server.interpreter().parent.parent
    stamp = home / ".packages"
    wanted = [server.python] + server.packages + ([sources_state()] if server.executable else [])
    state = hashlib.sha256("\n".join(wanted).encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == state:
        return
    shutil.rmtree(str(home), ignore_errors=True)
    python = python_find(server.python)
    print("installing %s into %s" % (server.name, home.relative_to(ROOT)), file=sys.stderr)
    run_quietly([str(python), "-m", "venv", str(home)])
    run_quietly([str(home / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
                + server.packages)
    stamp.write_text(state)


def prepare(server: Server) -> None:
    """Whatever must exist before the server starts; made anew every time."""
    WORK.mkdir(parents=True, exist_ok=True)
    if server.python or server.executable:
        run_quietly([str(server.interpreter()), str(SERVICES / "iris_model.py"), str(server.model())])
    if server.prepare:
        shutil.rmtree(str(WORK / (server.name + "-bundle")), ignore_errors=True)
        run_quietly(server.fill(server.prepare, 0), server.environment(), 120)


def version_of(server: Server) -> str:
    """What the report calls it."""
    if server.executable:
        return run_quietly([str(server.executable), "--version"], server.environment(), 60).strip()
    if not server.shown:
        return ""
    code = "from importlib.metadata import version as v; print(v(%r))" % server.shown
    return run_quietly([str(server.interpreter()), "-c", code], server.environment(), 60).strip()
