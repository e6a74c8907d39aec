"""Workers that cannot be started again: requests are told so at once, and the server recovers when they can."""
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import environment, until
from wire import ask

JSON = {"Content-Type": "application/json"}

SERVICE = """
import os, sys, bentoml
from bentoml.adapters import JsonInput
if os.path.exists(os.environ["TRAP"]):
    sys.exit(7)

class Trapped(bentoml.BentoService):
    @bentoml.api(input=JsonInput(), batch=True)
    def many(self, values):
        return values
    @bentoml.api(input=JsonInput(), batch=False)
    def one(self, value):
        import time
        time.sleep(value)
        return value
    @bentoml.api(input=JsonInput(), batch=False)
    def spawn(self, value):
        import subprocess
        return subprocess.Popen(["sleep", "300"]).pid
"""


@pytest.fixture()
def trapped(home, tmp_path, monkeypatch):
    trap = tmp_path / "trap"
    monkeypatch.setenv("TRAP", str(trap))
    (tmp_path / "trapped_service.py").write_text(SERVICE)
    env = dict(environment(home), PYTHONPATH=str(tmp_path))
    subprocess.run([sys.executable, "-c", "import trapped_service as t; s = t.Trapped(); s.set_version('v1')\ntry: s.save()\nexcept Exception: pass"], env=env, check=True)
    return trap


def test_no_worker_can_be_started(start, trapped):
    server = start("Trapped:latest", "--workers", "2")
    assert ask(server, "POST", "/one", JSON, b"0")[0] == 200
    trapped.write_text("")
    for pid in server.workers():
        os.kill(pid, signal.SIGKILL)
    assert until(lambda: ask(server, "GET", "/healthz", {}, b"")[0] == 503)
    for path in ("/one", "/many"):
        began = time.monotonic()
        status, _, body = ask(server, "POST", path, JSON, b"0")
        assert status == 503 and b"no worker can be started" in body
        assert time.monotonic() - began < 5
    assert "no worker can be started" in server.text()
    trapped.unlink()
    assert until(lambda: ask(server, "GET", "/healthz", {}, b"")[0] == 200, 40)
    assert ask(server, "POST", "/many", JSON, b"1")[2] == b"1"
    assert '"worker ready"' in server.text() and "workers are back" in server.text()


def test_waiting_for_a_worker_has_an_end(start, trapped):
    """Not longer than an execution may take."""
    import threading

    server = start("Trapped:latest", "--workers", "1", "--timeout", "2")
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(ask(server, "POST", "/one", JSON, b"1.5")[0])) for _ in range(5)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(20)
    assert sorted(answers) in ([200, 503, 503, 503, 503], [200, 200, 503, 503, 503])


def test_processes_of_user_code_end_with_their_worker(start, trapped):
    server = start("Trapped:latest", "--workers", "1")
    child = int(ask(server, "POST", "/spawn", JSON, b"0")[2])
    os.kill(server.workers()[0], signal.SIGKILL)

    def gone():
        try:
            return open("/proc/%d/stat" % child).read().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:
            return True

    assert until(gone)
    assert until(lambda: ask(server, "POST", "/one", JSON, b"0")[0] == 200)
    child = int(ask(server, "POST", "/spawn", JSON, b"0")[2])
    assert server.stop() == 0
    assert until(gone)
