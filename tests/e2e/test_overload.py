"""Clients that take room without sending: they may not keep others out."""
import socket
import time

import pytest
from conftest import until
from wire import ask, read_answer

ROW = b"[[5.1, 3.5, 1.4, 0.2]]"
JSON = {"Content-Type": "application/json"}


def announce(server, size, first=b" "):
    s = server.connect()
    s.sendall(b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % size + first)
    return s


def test_announced_bodies_take_no_room(start):
    server = start("IrisClassifier:latest", "--workers", "1")
    idle = [announce(server, 20_000_000) for _ in range(200)]
    try:
        time.sleep(0.3)
        assert ask(server, "POST", "/predict", JSON, ROW)[2] == b"[0]"
    finally:
        for s in idle:
            s.close()


def test_a_large_body_arrives_in_pieces_of_any_size(start):
    server = start("IrisClassifier:latest", "--workers", "1")
    rows = b"[" + b",".join([b"[5.1, 3.5, 1.4, 0.2]"] * 60_000) + b"]"
    for step in (len(rows), 16_384, 70_001):
        s = announce(server, len(rows), rows[:7])
        for i in range(7, len(rows), step):
            s.sendall(rows[i : i + step])
        status, _, body = read_answer(s.makefile("rb"))
        s.close()
        assert status == 200 and body.count(b"0") == 60_000


def test_a_trickle_is_cut_off(start):
    server = start("IrisClassifier:latest", "--workers", "1", "--body-timeout", "1000")
    s = announce(server, 1_000_000)
    s.settimeout(0.3)
    answer = b""
    for _ in range(40):
        try:
            s.sendall(b" ")
            answer = s.recv(1000)
        except socket.timeout:
            continue
        except OSError:
            break
        if answer:
            break
    assert answer.startswith(b"HTTP/1.1 408 ")
    s.close()
    _, _, metrics = ask(server, "GET", "/metrics", {}, b"")
    assert b'endpoint="predict",http_response_code="408"' in metrics


@pytest.mark.parametrize("workers", ["2"])
def test_a_full_area_is_said(start, workers):
    """Bodies that really came fill the area: small requests get 503 and a line says why; when they are gone all is well."""
    server = start("IrisClassifier:latest", "--workers", workers, "--area-size", str(8 << 20))
    full = []
    try:
        for _ in range(12):
            s = announce(server, 4_000_000, b" " * 1_500_000)
            full.append(s)
        assert until(lambda: ask(server, "POST", "/predict", JSON, ROW)[0] in (200, 503))
        assert until(lambda: "no room for a request" in server.text())
    finally:
        for s in full:
            s.close()
    assert until(lambda: ask(server, "POST", "/predict", JSON, ROW)[0] == 200)
