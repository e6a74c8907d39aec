"""pandas frames over memory that the decoder merged.

A group comes as blocks: all columns of one dtype together, in the layout that pandas keeps them in. Putting them straight into a
block manager takes 7 us where the public constructor takes 30, which is a good part of what a lone request costs beside the user's
function. The manager is not public, so it is tried once against the public constructor, and left alone where it is missing or answers otherwise.
"""
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

# (dtype, positions of the columns or None for all, cells: bytearray, or lists of objects)
Block = Tuple[str, Optional[Tuple[int, ...]], Any]

_labels: Dict[Any, Any] = {}
_LABELS_MAX = 256
_builder: Optional[Callable[..., Any]] = None


def _columns(names: Optional[Tuple[str, ...]], width: int) -> Any:
    """The column index. What pandas computes about it is kept between frames; the object is each frame's own, for it can be renamed."""
    key = width if names is None else names
    index = _labels.get(key)
    if index is None:
        import pandas as pd

        if len(_labels) >= _LABELS_MAX:
            _labels.clear()
        index = _labels[key] = pd.RangeIndex(width) if names is None else pd.Index(names)
    return index.view()


def _array(block: Block, total: int) -> Any:
    """The cells of a block, one row per column."""
    import numpy as np

    dtype, _, cells = block
    if dtype != "object":
        return np.frombuffer(cells, dtype=dtype).reshape(-1, total)
    array = np.empty((len(cells), total), dtype=object)
    for row, column in zip(array, cells):
        row[:] = column
    return array


def _public(blocks: Sequence[Block], total: int, columns: Any) -> Any:
    """By the public constructor."""
    import pandas as pd

    if len(blocks) == 1:
        return pd.DataFrame(_array(blocks[0], total).T, columns=columns, copy=False)
    arrays: Dict[int, Any] = {}
    for block in blocks:
        arrays.update(zip(block[1] or (), _array(block, total)))
    frame = pd.DataFrame({i: arrays[i] for i in range(len(arrays))}, copy=False)
    frame.columns = columns
    return frame


def _direct() -> Callable[..., Any]:
    """By a block manager; raises where this pandas has no such thing."""
    import numpy as np
    import pandas as pd
    from pandas._libs.internals import BlockPlacement
    from pandas.core.internals.blocks import new_block_2d
    from pandas.core.internals.managers import BlockManager

    frame, index, buffer, array, intp = pd.DataFrame, pd.RangeIndex, np.frombuffer, np.array, np.intp
    from_manager: Any = getattr(frame, "_from_mgr", None)

    def build(blocks: Sequence[Block], total: int, columns: Any) -> Any:
        parts: List[Any] = []
        for dtype, positions, cells in blocks:
            if dtype == "object":  # what type that becomes is for each pandas to say
                return _public(blocks, total, columns)
            where = slice(0, len(columns), 1) if positions is None else array(positions, dtype=intp)
            parts.append(new_block_2d(buffer(cells, dtype).reshape(-1, total), BlockPlacement(where)))
        manager = BlockManager(tuple(parts), [columns, index(total)], verify_integrity=False)
        return from_manager(manager, manager.axes) if from_manager else frame(manager)

    return build


def _same(build: Callable[..., Any]) -> bool:
    """Whether frames are what the public constructor makes of the same blocks, and can be changed in place."""
    import numpy as np
    import pandas as pd

    def floats() -> Block:
        return ("float64", None, bytearray(np.array([1.5, 2.5, 3.5, 4.5]).tobytes()))

    def mixed() -> List[Block]:
        return [
            ("float64", (1,), bytearray(np.array([0.5, np.nan]).tobytes())),
            ("int64", (0, 2), bytearray(np.array([1, 2, 3, 4]).tobytes())),
            ("bool", (3,), bytearray(b"\0\1")),
        ]

    for make, columns in ((lambda: [floats()], pd.RangeIndex(2)), (mixed, pd.Index(["a", "b", "c", "d"]))):
        got, want = build(make(), 2, columns), _public(make(), 2, columns)
        pd.testing.assert_frame_equal(got, want)
        got.iloc[1, 0] = 9
        want.iloc[1, 0] = 9
        got["new"] = want["new"] = 1
        pd.testing.assert_frame_equal(got, want)
    return True


def _choose() -> Callable[..., Any]:
    try:
        build = _direct()
        if _same(build):
            return build
    except Exception:  # noqa: BLE001 (whatever another pandas makes of it)
        pass
    return _public


def prepare() -> None:
    """Imports pandas and chooses the way now, so that the first request does not pay for it."""
    global _builder
    if _builder is None:
        _builder = _choose()


def build_frame(group: Tuple[Any, ...]) -> Any:
    """A frame over the memory of a merged group: (indices, rows, total, names, blocks, width). It may be changed in place."""
    if _builder is None:
        prepare()
    assert _builder is not None
    return _builder(group[4], group[2], _columns(group[3], group[5]))
