"""The server under bad input, bad clients, dying workers and signals."""
import gzip
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest
from conftest import BIN, environment, until
from wire import ask, read_answer, request

ROW = b"[[5.1, 3.5, 1.4, 0.2]]"
JSON = {"Content-Type": "application/json"}


def alive(server):
    status, _, body = ask(server, "POST", "/predict", JSON, ROW)
    return status == 200 and body == b"[0]"


def raw(server, *pieces, pause=0.0):
    """All answers to the given bytes."""
    with server.connect() as s, s.makefile("rb") as stream:
        for piece in pieces:
            s.sendall(piece)
            time.sleep(pause)
        s.shutdown(socket.SHUT_WR)
        answers = []
        while True:
            answer = read_answer(stream)
            if answer is None:
                return answers
            answers.append(answer)


def test_keep_alive_and_pipelined_posts(iris):
    bodies = [ROW, b"[[6.7, 3.1, 4.7, 1.5]]", b"[[", ROW]
    data = b"".join(request("POST", "/predict", JSON, b, close=False) for b in bodies * 8)
    answers = raw(iris, data)
    assert [a[0] for a in answers] == [200, 200, 400, 200] * 8
    assert [a[2] for a in answers[:2]] == [b"[0]", b"[1]"]


def test_chunked_body_in_small_pieces(iris):
    head = b"POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    pieces = [b"%x\r\n%s\r\n" % (len(ROW[i : i + 3]), ROW[i : i + 3]) for i in range(0, len(ROW), 3)]
    assert raw(iris, head, *pieces, b"0\r\n\r\n")[0][2] == b"[0]"


def test_large_chunked_body(iris):
    rows = json.dumps([[5.1, 3.5, 1.4, 0.2]] * 20000).encode()
    head = b"POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(rows[i : i + 5000]), rows[i : i + 5000]) for i in range(0, len(rows), 5000))
    assert json.loads(raw(iris, head + chunks + b"0\r\n\r\n")[0][2]) == [0] * 20000


def test_expect_continue(iris):
    with iris.connect() as s, s.makefile("rb") as stream:
        s.sendall(b"POST /predict HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(ROW))
        assert stream.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert stream.readline() == b"\r\n"
        s.sendall(ROW)
        assert read_answer(stream)[2] == b"[0]"


@pytest.mark.parametrize(
    "name, data, status",
    [
        ("expectation", b"POST /predict HTTP/1.1\r\nHost: a\r\nExpect: a-miracle\r\nContent-Length: 1\r\n\r\nx", 417),
        ("body stated too large", b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", 413),
        ("headers", b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"a" * 40000 + b"\r\n\r\n", 431),
        ("target", b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        ("two lengths", b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nhello", 400),
        ("length and coding", b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("garbage", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ],
)
def test_refused_before_the_body(iris, name, data, status):
    answers = raw(iris, data)
    assert [a[0] for a in answers] == [status], name
    assert answers[0][1].get("connection") == "close"
    assert alive(iris)


def test_chunked_body_over_the_limit(start):
    server = start("IrisClassifier:latest", "--workers", "1", "--max-request-size", "1000")
    head = b"POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert raw(server, head + b"400\r\n" + b" " * 1024 + b"\r\n0\r\n\r\n")[0][0] == 413
    assert raw(server, request("POST", "/predict", JSON, b" " * 1001))[0][0] == 413
    assert raw(server, request("POST", "/predict", JSON, ROW + b" " * 900))[0][0] == 200
    bomb = gzip.compress(b" " * 500000, mtime=0)
    assert len(bomb) < 1000
    status, _, text = ask(server, "POST", "/predict", dict(JSON, **{"Content-Encoding": "gzip"}), bomb)
    assert (status, text) == (413, b"the body is too large when inflated")
    assert alive(server)


def test_limit_of_one_api(start):
    server = start("Adapters:latest", "--workers", "1", "--api-max-request-size", "json_batch=100")
    assert ask(server, "POST", "/json_batch", JSON, b'"%s"' % (b"a" * 200))[0] == 413
    assert ask(server, "POST", "/json_single", JSON, b'"%s"' % (b"a" * 200))[0] == 200


def test_gzip_body(iris):
    status, _, body = ask(iris, "POST", "/predict", dict(JSON, **{"Content-Encoding": "gzip"}), gzip.compress(ROW, mtime=0))
    assert (status, body) == (200, b"[0]")


def test_gzip_bomb_on_any_adapter(adapters):
    bomb = gzip.compress(b"x" * 30000000, mtime=0)
    for api in ("df_echo", "json_batch", "text_single"):
        status, _, text = ask(adapters, "POST", "/" + api, {"Content-Encoding": "gzip"}, bomb)
        assert (status, text) == (413, b"the body is too large when inflated")


@pytest.mark.parametrize("coding", ["br", "deflate", "foo", "gzip, gzip", "gzip\r\nContent-Encoding: br", "gzip\r\nContent-Encoding: gzip"])
def test_other_codings_are_refused(iris, coding):
    status, _, text = ask(iris, "POST", "/predict", dict(JSON, **{"Content-Encoding": coding}), ROW)
    assert status == 415 and b"gzip or identity" in text
    assert alive(iris)


@pytest.mark.parametrize("coding", ["identity", "Identity", "", "X-GZIP"])
def test_known_codings(iris, coding):
    body = gzip.compress(ROW, mtime=0) if "GZIP" in coding else ROW
    assert ask(iris, "POST", "/predict", dict(JSON, **{"Content-Encoding": coding}), body)[::2] == (200, b"[0]")


def test_slow_clients_get_408(start):
    server = start("IrisClassifier:latest", "--workers", "1", "--header-timeout", "300", "--body-timeout", "300", "--idle-timeout", "400")
    for data in (b"POST /predict HT", b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n[["):
        with server.connect() as s, s.makefile("rb") as stream:
            s.sendall(data)
            assert read_answer(stream)[0] == 408
            assert stream.read() == b""
    with server.connect() as s:
        assert s.recv(10) == b""  # an idle connection is closed without a word
    assert alive(server)


def test_unknown_route_and_method(iris):
    assert ask(iris, "GET", "/nothing")[0] == 404
    status, headers, _ = ask(iris, "PUT", "/predict", JSON, ROW)
    assert (status, headers["allow"]) == (405, "GET, POST")
    assert ask(iris, "POST", "/healthz")[0] == 405


def test_128_connections_ready_at_once(iris):
    sockets = [iris.connect(60) for _ in range(128)]
    for s in sockets:
        s.sendall(request("POST", "/predict", JSON, ROW))
    for s in sockets:
        with s.makefile("rb") as stream:
            assert read_answer(stream)[2] == b"[0]"
        s.close()


def test_large_answer_to_a_stalled_reader(adapters):
    rows = [[i, i + 0.5] for i in range(60000)]
    body = json.dumps(rows).encode()
    with adapters.connect(60) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall(request("POST", "/df_echo", JSON, body))
        time.sleep(1.0)  # the answer fills the socket and waits
        assert ask(adapters, "POST", "/json_batch", JSON, b"1")[0] == 200  # others are served meanwhile
        with s.makefile("rb") as stream:
            answer = read_answer(stream)
    assert answer[0] == 200
    assert json.loads(answer[2]) == [{"0": a, "1": b} for a, b in rows]


def test_clients_that_go_away(iris):
    for cut in (10, 60, 130):
        s = iris.connect()
        s.sendall(request("POST", "/predict", JSON, ROW, close=False)[:cut])
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not an orderly end
        s.close()
    for _ in range(50):
        s = iris.connect()
        s.sendall(request("POST", "/predict", JSON, ROW, close=False))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
    assert alive(iris)
    text = ask(iris, "GET", "/metrics")[2].decode()
    assert until(lambda: 'request_in_progress{endpoint="/predict"' not in text or alive(iris))


def test_half_closed_client_is_answered(iris):
    assert raw(iris, request("POST", "/predict", JSON, ROW))[0][2] == b"[0]"


def test_metrics_parse(iris):
    status, headers, body = ask(iris, "GET", "/metrics")
    assert status == 200 and headers["content-type"].startswith("text/plain; version=0.0.4")
    for line in body.decode().splitlines():
        assert re.match(r'(# (HELP|TYPE) \S+ .*|[a-zA-Z_:]\w*(\{(\w+="[^"]*",?)*\})? -?[0-9.e+-]+)$', line), line
    samples = [line.rsplit(" ", 1)[0] for line in body.decode().splitlines() if not line.startswith("#")]
    assert len(samples) == len(set(samples))
    for name in ("mb_request_duration_seconds_count", "mb_request_total", "request_duration_seconds_bucket"):
        assert "BENTOML_IrisClassifier_" + name in body.decode()


def load(server, seconds, answers, stop):
    """Requests one after the other on one connection until told to stop; a lost one counts as None."""
    end = time.monotonic() + seconds
    try:
        with server.connect(30) as s, s.makefile("rb") as stream:
            while time.monotonic() < end and not stop.is_set():
                answers.append(None)
                s.sendall(request("POST", "/predict", JSON, ROW, close=False))
                answer = read_answer(stream)
                answers[-1] = answer and answer[0]
                if answer is None or answer[1].get("connection") == "close":
                    return
    except ConnectionError:
        pass


def run_load(server, seconds, during):
    stop = threading.Event()
    results = [[] for _ in range(12)]
    threads = [threading.Thread(target=load, args=(server, seconds, r, stop)) for r in results]
    for t in threads:
        t.start()
    time.sleep(0.3)
    during()
    for t in threads:
        t.join()
    return [status for r in results for status in r]


def test_killed_worker_loses_no_request(start):
    server = start("IrisClassifier:latest", "--workers", "2")
    until(lambda: len(server.workers()) == 2)
    before = server.workers()
    statuses = run_load(server, 2.0, lambda: os.kill(server.workers()[0], signal.SIGKILL))
    assert statuses and set(statuses) <= {200, 503}, set(statuses)
    assert statuses.count(200) > 100
    assert until(lambda: len(server.workers()) == 2 and set(server.workers()) != set(before))
    assert alive(server)
    assert "BENTOML_IrisClassifier_worker_restart_total 1.0" in ask(server, "GET", "/metrics")[2].decode()


def test_drain_answers_everything(start):
    server = start("IrisClassifier:latest", "--workers", "2")
    statuses = run_load(server, 10.0, lambda: server.process.send_signal(signal.SIGTERM))
    assert statuses.count(200) > 100 and set(statuses) == {200}, "%d of %d lost" % (statuses.count(None), len(statuses))
    assert server.stop() == 0


SLOW = """
import time, bentoml
from bentoml.adapters import JsonInput
class Slow(bentoml.BentoService):
    @bentoml.api(input=JsonInput(), batch=True, mb_max_latency=1000)
    def limited(self, values):
        time.sleep(max(values))
        return values
    @bentoml.api(input=JsonInput(), batch=False)
    def wait(self, value):
        time.sleep(value)
        return value
    @bentoml.api(input=JsonInput(), batch=True)
    def die(self, values):
        import os
        os._exit(3)
"""


@pytest.fixture(scope="module")
def slow(home, tmp_path_factory):
    folder = tmp_path_factory.mktemp("slow")
    (folder / "slow_service.py").write_text(SLOW)
    env = environment(home)
    env["PYTHONPATH"] = str(folder)

    subprocess.run([sys.executable, "-c", "import slow_service; slow_service.Slow().save()"], env=env, check=True)
    return "Slow:latest"


def test_deadline_gives_408(start, slow):
    server = start(slow, "--workers", "1")
    began = time.monotonic()
    assert ask(server, "POST", "/limited", JSON, b"2.5")[0] == 408
    assert time.monotonic() - began < 2.4  # the answer came at the deadline, not with the function's end
    assert ask(server, "POST", "/wait", JSON, b"0")[0] == 200


def test_drain_waits_for_a_running_request(start, slow):
    server = start(slow, "--workers", "1")
    with server.connect() as s, s.makefile("rb") as stream:
        s.sendall(request("POST", "/wait", JSON, b"1.0"))
        time.sleep(0.4)
        server.process.send_signal(signal.SIGTERM)
        assert read_answer(stream)[2] == b"1.0"
    assert server.stop() == 0


def test_function_that_ends_its_process(start, slow):
    server = start(slow, "--workers", "2")
    assert ask(server, "POST", "/die", JSON, b"1")[0] == 503
    assert ask(server, "POST", "/wait", JSON, b"0")[0] == 200


def test_execution_over_the_timeout(start, slow):
    server = start(slow, "--workers", "1", "--timeout", "1")
    assert ask(server, "POST", "/wait", JSON, b"30")[0] == 503
    assert until(lambda: ask(server, "POST", "/wait", JSON, b"0")[0] == 200)


# ---- what cannot start ----


def fails(home, *words, **kwargs):
    done = subprocess.run([BIN, "serve", *words], env=dict(environment(home), **kwargs), capture_output=True, text=True, timeout=60)
    lines = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1, done.stderr
    return done.returncode, lines[0], done.stderr


def test_missing_bundle(home):
    code, line, _ = fails(home, "Nope:latest")
    assert code == 1 and "Nope:latest not found" in line
    code, line, text = fails(home, "/nonexistent")
    assert code == 1 and "not found" in line


def test_broken_bundle(home, tmp_path):
    (tmp_path / "bentoml.yml").write_text("{ not: [yaml")
    code, line, _ = fails(home, str(tmp_path))
    assert code == 1 and "bentoml.yml" in line


def test_port_in_use(home, iris):
    code, line, text = fails(home, "IrisClassifier:latest", "--host", "127.0.0.1", "--port", str(iris.port))
    assert code == 1 and "in use" in line and "hint: " in text


def test_class_that_raises_on_import(home, tmp_path):
    source = next((home / "repository/IrisClassifier").iterdir())
    bundle = tmp_path / "broken"
    shutil.copytree(source, bundle)
    (bundle / "IrisClassifier/iris.py").write_text("raise RuntimeError('no luck today')\n")
    code, line, text = fails(home, str(bundle), "--port", "0")
    assert code == 1 and "RuntimeError: no luck today" in line
    assert "Traceback (most recent call last)" in text  # for the operator, once


def test_unknown_option(home):
    code, line, text = fails(home, "IrisClassifier:latest", "--prot", "1")
    assert code == 2 and "No such option: --prot" in line and "--port" in line


def test_missing_interpreter(home):
    code, line, text = fails(home, "IrisClassifier:latest", "--port", "0", "--python", "/nonexistent/python")
    assert code == 1 and "/nonexistent/python" in line and "hint: " in text


def interpreter_with(folder, name, old, new):
    """An interpreter whose bentoml has `old` replaced by `new` in one of its files."""
    import bentoml

    shutil.copytree(os.path.dirname(bentoml.__file__), folder / "lib/bentoml")
    path = folder / "lib/bentoml" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    script = folder / "python"
    script.write_text('#!/bin/sh\nPYTHONPATH="%s:$PYTHONPATH" exec "%s" "$@"\n' % (folder / "lib", sys.executable))
    script.chmod(0o755)
    return str(script)


@pytest.mark.parametrize(
    "name, old, new, says",
    [
        ("__init__.py", '__version__ = "', '__version__ = "9.', "the interpreter's bentoml is version 9."),
        ("_worker.py", '"wire": ', '"wire": 1000 + ', "the interpreter's bentoml speaks link version 100"),
    ],
)
def test_another_bentoml_in_the_interpreter(home, tmp_path, name, old, new, says):
    python = interpreter_with(tmp_path, name, old, new)
    code, line, text = fails(home, "IrisClassifier:latest", "--port", "0", "--python", python)
    assert code == 1 and says in line and "hint: " in text and "--python" in text
    assert "Traceback" not in text
