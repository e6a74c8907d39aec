"""The decoder in C against the slow reference over pandas, on generated bodies with a fixed seed."""
import json
import math
import random

import numpy as np
import pandas as pd
import pytest
from bentoml import _core, _frames_reference
from bentoml._pandas import build_frame

TEXTS = ["x", "", " ", "NA", "nan", "007", "1e5", "-3", "2.50", "inf", "True", "false", "a,b", 'q"r', "l1\nl2", "é", "日本", "null", " 7 ", "0x10", "1_0", "--1", "+5"]


def cell(rng, kind):
    if kind == "int":
        return rng.randint(-1000, 1000)
    if kind == "float":
        return rng.choice([rng.uniform(-1e3, 1e3), rng.gauss(0, 1e-5), rng.uniform(0, 1) * 10 ** rng.randint(-20, 20), 0.1, -0.5])
    if kind == "bool":
        return rng.random() < 0.5
    if kind == "text":
        return rng.choice(TEXTS)
    if kind == "big":
        return rng.choice([2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**70, -(2**62), 5])
    if kind == "null":
        return None
    return rng.choice([cell(rng, k) for k in ("int", "float", "bool", "text", "null", "big")])


def rows_of(rng):
    width, height = rng.randint(1, 5), rng.randint(1, 6)
    kinds = [rng.choice(["int", "float", "int", "float", "bool", "text", "big", "mixed", "null"]) for _ in range(width)]
    names = rng.sample(["a", "b", "c d", "é", "x,y", "Z", "0"], width)
    rows = [[cell(rng, k) if rng.random() > 0.1 else None for k in kinds] for _ in range(height)]
    return names, rows


def body_of(rng):
    names, rows = rows_of(rng)
    orient = rng.choice(["values", "records", "columns", "split", "index"])
    if orient == "values":
        value = rows
    elif orient == "records":
        value = [dict(zip(names, r)) for r in rows]
    elif orient == "columns":
        value = {n: {str(i): r[k] for i, r in enumerate(rows)} for k, n in enumerate(names)}
    elif orient == "split":
        value = {"columns": names, "index": list(range(len(rows))), "data": rows}
    else:
        value = {"r%d" % i: dict(zip(names, r)) for i, r in enumerate(rows)}
    text = json.dumps(value, ensure_ascii=rng.random() < 0.5, indent=rng.choice([None, None, 1]))
    return text.encode(), rng.choice([None, orient, None])


def ours(body, is_csv, orient):
    groups, refused = _core.FrameDecoder(orient).decode([(body, is_csv)])
    assert len(groups) + len(refused) == 1
    return build_frame(groups[0]) if groups else None


def same_cell(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return (math.isnan(a) and math.isnan(b)) or a == b
    return type(a) is type(b) and a == b


def check(body, is_csv, orient):
    want = _frames_reference.decode(body, is_csv, orient)
    got = ours(body, is_csv, orient)
    if want is None or got is None:
        assert want is None and got is None, (body, want, got)
        return
    assert [str(c) for c in got.columns] == [str(c) for c in want.columns], body
    assert [str(t) for t in got.dtypes] == [str(t) for t in want.dtypes], (body, got.dtypes, want.dtypes)
    assert len(got) == len(want), body
    for i in range(got.shape[1]):
        for a, b in zip(got.iloc[:, i].tolist(), want.iloc[:, i].tolist()):
            assert same_cell(a, b), (body, a, b)


@pytest.mark.parametrize("seed", range(8))
def test_json(seed):
    rng = random.Random(seed)
    for _ in range(500):
        body, orient = body_of(rng)
        check(body, False, orient)


@pytest.mark.parametrize("seed", range(4))
def test_csv(seed):
    rng = random.Random(100 + seed)
    for _ in range(400):
        names, rows = rows_of(rng)
        quote = _frames_reference._cell
        end = rng.choice(["\n", "\r\n"])
        lines = [",".join(quote(n) for n in names)] + [",".join(quote(c) for c in row) or '""' for row in rows]
        check((end.join(lines) + rng.choice(["", end])).encode(), True, None)


def test_mutated_bodies_are_refused_alike():
    rng = random.Random(7)
    for _ in range(1500):
        body, _ = body_of(rng)
        data = bytearray(body)
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(data))
            data[at : at + rng.randint(0, 2)] = bytes(rng.choice(b'[]{},:"0123456789.eE+-ntf \\') for _ in range(rng.randint(0, 2)))
        text = bytes(data)
        try:
            value = json.loads(text.decode())
        except (ValueError, RecursionError):
            assert ours(text, False, None) is None, text
            continue
        del value
        check(text, False, None)


def test_merging_keeps_rows_apart():
    rng = random.Random(3)
    for _ in range(200):
        bodies = []
        for _ in range(rng.randint(2, 20)):
            body, _ = body_of(rng)
            bodies.append((body, False))
        groups, refused = _core.FrameDecoder().decode(bodies)
        seen = [i for i, _ in refused]
        for group in groups:
            frame = build_frame(group)
            start = 0
            for i, count in zip(group[0], group[1]):
                seen.append(i)
                alone = ours(bodies[i][0], False, None)
                part = frame.iloc[start : start + count].reset_index(drop=True)
                start += count
                pd.testing.assert_frame_equal(part, alone)
        assert sorted(seen) == list(range(len(bodies)))


def test_frames_are_writable_and_live_on():
    groups, _ = _core.FrameDecoder().decode([(b"[[1.5, 2.5], [3, 4]]", False)])
    frame = build_frame(groups[0])
    del groups
    frame.iloc[0, 0] = 9.0
    assert frame.to_numpy().tolist() == [[9.0, 2.5], [3.0, 4.0]]
    assert frame.dtypes.tolist() == [np.dtype("float64")] * 2
