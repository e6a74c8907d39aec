"""Frames over merged memory: the direct way against the public constructor, and that frames share nothing that can be seen."""
import numpy as np
import pandas as pd
import pytest
from bentoml import _core, _pandas

BODIES = [
    b"[[1.5, 2.5], [3.5, 4.5]]",
    b"[[1, 2, 3]]",
    b'[{"a": 1, "b": 2.5, "c": true, "d": 7}, {"a": 2, "b": null, "c": false, "d": 8}]',
    b'[{"a": "x", "b": 2}, {"a": null, "b": 3}]',
    b'{"a": {"0": 1.5}, "b": {"0": 18446744073709551615}}',
    b'[{"a": true, "b": null}, {"a": null, "b": "y"}]',
]


def group_of(body, **options):
    groups, refused = _core.FrameDecoder(**options).decode([(body, False)])
    assert not refused and len(groups) == 1
    return groups[0]


def test_the_direct_way_is_taken_here():
    _pandas.prepare()
    assert _pandas._builder is not _pandas._public


@pytest.mark.parametrize("body", BODIES)
def test_both_ways_give_the_same(body):
    frames = []
    for build in (_pandas._direct(), _pandas._public):
        group = group_of(body)
        frames.append(build(group[4], group[2], _pandas._columns(group[3], group[5])))
    pd.testing.assert_frame_equal(*frames)
    for frame in frames:
        frame.iloc[0, 0] = frame.iloc[-1, 0]
        frame["new"] = 1
        frame.index.name = "n"
    pd.testing.assert_frame_equal(*frames)


def test_a_pandas_without_a_block_manager_takes_the_public_way(monkeypatch):
    monkeypatch.setattr(_pandas, "_direct", lambda: (_ for _ in ()).throw(ImportError("no such thing")))
    assert _pandas._choose() is _pandas._public
    monkeypatch.setattr(_pandas, "_direct", lambda: lambda blocks, total, columns: pd.DataFrame({"wrong": [1, 2]}))
    assert _pandas._choose() is _pandas._public


def test_names_of_one_frame_do_not_reach_the_next():
    for body in (b'[{"a": 1.5}]', b"[[1.5]]"):
        first = _pandas.build_frame(group_of(body))
        first.columns.name = "mine"
        first.index.name = "mine"
        second = _pandas.build_frame(group_of(body))
        assert second.columns.name is None and second.index.name is None


def test_widening():
    bodies = [(b"[[1, 2.5]]", False), (b"[[1.5, 2]]", False), (b"[[3, 4], [5, 6]]", False), (b"[[9007199254740993, 1]]", False), (b'[["x", 1]]', False)]
    apart, _ = _core.FrameDecoder().decode(bodies)
    assert [g[0] for g in apart] == [(0,), (1,), (2, 3), (4,)]
    groups, refused = _core.FrameDecoder(widen=True).decode(bodies)
    assert not refused and [g[0] for g in groups] == [(0, 1, 2), (3,), (4,)]
    frame = _pandas.build_frame(groups[0])
    assert [str(t) for t in frame.dtypes] == ["float64"] * 2
    assert frame.to_numpy().tolist() == [[1.0, 2.5], [1.5, 2.0], [3.0, 4.0], [5.0, 6.0]]
    exact = _pandas.build_frame(groups[1])
    assert exact.iloc[0, 0] == 9007199254740993 and str(exact.dtypes[0]) == "int64"
    alone, _ = _core.FrameDecoder(widen=True).decode([(b"[[1, 2]]", False)])
    assert alone[0][4][0][0] == "int64"


def test_declared_floats_agree():
    bodies = [(b'[{"a": 1, "b": 1}]', False), (b'[{"a": 1.5, "b": 2}]', False), (b"a,b\n3,4\n", True)]
    groups, _ = _core.FrameDecoder(real_for=["a"]).decode(bodies)
    assert len(groups) == 1
    frame = _pandas.build_frame(groups[0])
    assert [str(t) for t in frame.dtypes] == ["float64", "int64"] and frame["a"].tolist() == [1.0, 1.5, 3.0]
    groups, _ = _core.FrameDecoder(all_real=True).decode(bodies)
    assert np.array_equal(_pandas.build_frame(groups[0]).to_numpy(), [[1, 1], [1.5, 2], [3, 4]])
    by_position, _ = _core.FrameDecoder(real_for=["1"]).decode([(b"[[1, 2]]", False)])
    assert [b[0] for b in by_position[0][4]] == ["float64", "int64"]
