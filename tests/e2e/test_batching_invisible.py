"""Batching is invisible: every recorded POST case alone, then all of them at the same moment, many times over.

Same status and same JSON value, with one exception that no batching server can hide: df_describe reports len(df), the number
of rows of the frame that the function itself was given. That one number is left out of the comparison; its columns, dtypes
and the number of its results are not.
"""
import json
import threading

import cases
from wire import read_answer, request

ROUNDS = 6
COPIES = 3


def value_of(answer):
    status, _, body = answer
    text = body.decode("utf-8", "replace")
    try:
        value = json.loads(text)
        for item in value if isinstance(value, list) else ():
            if isinstance(item, dict) and set(item) == {"columns", "dtypes", "rows"}:
                del item["rows"]
        return status, json.dumps(value, sort_keys=True)
    except ValueError:
        return status, text


def send_all(server, chosen):
    """All requests written, on connections of their own, before the first answer is read."""
    sockets = [server.connect(60) for _ in chosen]
    gate = threading.Barrier(4)
    answers = [None] * len(chosen)

    def part(number):
        mine = range(number, len(chosen), 4)
        data = {i: request(chosen[i][2], chosen[i][3], chosen[i][4], chosen[i][5]) for i in mine}
        gate.wait()
        for i in mine:
            sockets[i].sendall(data[i])
        for i in mine:
            with sockets[i].makefile("rb") as stream:
                answers[i] = value_of(read_answer(stream))
            sockets[i].close()

    threads = [threading.Thread(target=part, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return answers


def check(server, service):
    chosen = [c for c in cases.http_cases() if c[1] == service and c[2] == "POST" and c[3] not in ("/feedback", "/metrics")]
    alone = {}
    for case in chosen:
        with server.connect(60) as s, s.makefile("rb") as stream:
            s.sendall(request(case[2], case[3], case[4], case[5]))
            alone[case[0]] = value_of(read_answer(stream))
    wrong = {}
    for _ in range(ROUNDS):
        many = chosen * COPIES
        for case, answer in zip(many, send_all(server, many)):
            if answer != alone[case[0]]:
                wrong[case[0]] = (alone[case[0]], answer)
    assert not wrong, "%d cases changed: %r" % (len(wrong), dict(list(wrong.items())[:5]))
    return len(chosen)


def test_iris(iris):
    assert check(iris, "IrisClassifier") > 20


def test_adapters(adapters):
    assert check(adapters, "Adapters") > 200
