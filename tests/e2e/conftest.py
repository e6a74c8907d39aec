"""Fixtures of the end-to-end tests: an installed `bentoml`, a home with the two recorded services, running servers.

BENTO_BIN names another server binary (the ASan build); its workers run in BENTOML_PYTHON, else in this interpreter.
"""
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden"
sys.path.insert(0, str(GOLDEN))
sys.path.insert(0, str(ROOT / "tests/e2e"))

BIN = os.environ.get("BENTO_BIN", str(pathlib.Path(sys.executable).parent / "bentoml"))


def environment(home):
    env = dict(os.environ, BENTOML_HOME=str(home), BENTOML_PYTHON=sys.executable, COLUMNS="120", LC_ALL="C.UTF-8")
    env["PYTHONPATH"] = str(GOLDEN / "services")
    return env


class Server:
    """A `bentoml serve` on a free port."""

    def __init__(self, home, bento, *options, log):
        self.log = log
        read, write = os.pipe()
        command = [BIN, "serve", bento, "--port", "0", "--host", "127.0.0.1", "--ready-fd", str(write), *options]
        with open(log, "wb") as f:
            self.process = subprocess.Popen(command, env=environment(home), stdout=f, stderr=f, pass_fds=[write])
        os.close(write)
        with os.fdopen(read) as f:
            line = f.readline()  # end of file when the server has failed
        if not line:
            self.process.wait(10)
            raise AssertionError("the server did not start:\n" + self.text())
        self.port = int(line)

    def text(self):
        return pathlib.Path(self.log).read_text(errors="replace")

    def connect(self, timeout=20):
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(40)
        assert "ERROR: AddressSanitizer" not in self.text() and "LeakSanitizer" not in self.text(), self.text()[-4000:]
        assert "runtime error:" not in self.text(), self.text()[-4000:]
        return code

    def workers(self):
        """Pids of the worker processes."""
        out = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)], capture_output=True, text=True).stdout
        return [int(line.split()[0]) for line in out.splitlines() if "bentoml._worker" in line]


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """A BENTOML_HOME with IrisClassifier and Adapters saved."""
    path = tmp_path_factory.mktemp("home")
    for module in ("iris", "adapters"):
        code = "import %s; %s.build().save()" % (module, module)
        subprocess.run([sys.executable, "-W", "ignore", "-c", code], env=environment(path), check=True, cwd=str(path))
    return path


@pytest.fixture(scope="session")
def start(home, tmp_path_factory):
    """start(bento, *options) -> Server; stopped at the end."""
    servers = []

    def make(bento, *options):
        log = tmp_path_factory.mktemp("log") / "server.log"
        server = Server(home, bento, *options, log=log)
        servers.append(server)
        return server

    yield make
    for server in servers:
        if server.process.poll() is None:
            assert server.stop() == 0


@pytest.fixture(scope="session")
def iris(start):
    return start("IrisClassifier:latest", "--workers", "2")


@pytest.fixture(scope="session")
def adapters(start):
    return start("Adapters:latest", "--workers", "2")


@pytest.fixture(scope="session")
def bentoml(home):
    """bentoml(*words) -> CompletedProcess."""

    def call(*words, **kwargs):
        return subprocess.run(
            [BIN, *words], env=dict(environment(home), **kwargs), capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL
        )

    return call


def until(condition, seconds=20):
    """Waits for a condition; the wait is a limit, not a measurement."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False
