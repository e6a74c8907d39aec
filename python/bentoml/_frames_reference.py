"""The slow and obvious way from a body to a frame: CSV text, then pandas.read_csv.

This is how BentoML 0.13 did it, for one request alone. The decoder in C must give the same; the differential test compares
them on thousands of generated bodies.
"""
import io
import json
from typing import Any, List, Optional, Sequence, Tuple

Table = Tuple[Optional[List[str]], List[List[Any]]]


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    if any(c in text for c in '\n\r",') or (text and not text.strip()):
        return '"%s"' % text.replace('"', '""')
    return text


def _orient(value: Any, wanted: Optional[str]) -> Optional[str]:
    if isinstance(value, list):
        found = "records" if value and isinstance(value[0], dict) else "values"
        return found if wanted in (None, found) else None
    if not isinstance(value, dict):
        return None
    if set(value) == {"schema", "data"} and isinstance(value["schema"], dict) and "primaryKey" in value["schema"]:
        return None
    if set(value) == {"columns", "index", "data"}:
        return "split" if wanted in (None, "split") else None
    if wanted == "index":
        return "index"
    return "columns" if wanted in (None, "columns") else None


def _by_name(rows: Sequence[Any], columns: Optional[Sequence[str]]) -> Table:
    header = list(columns or rows[0])
    return header, [[row[name] for name in header] for row in rows]


def _lists(rows: Any) -> List[List[Any]]:
    if not isinstance(rows, list) or not all(isinstance(r, list) and r for r in rows):
        raise ValueError("rows are lists of cells")
    return rows


def table_of(value: Any, wanted: Optional[str], columns: Optional[Sequence[str]]) -> Table:
    """Header and rows; any exception means that the body is refused."""
    orient = _orient(value, wanted)
    if orient == "records":
        return _by_name(value, columns)
    if orient == "values":
        return (list(columns) if columns else None), _lists(value)
    if orient == "columns":
        header = list(columns or value)
        first = value[header[0]]
        return header, [[dict.__getitem__(value[name], key) for name in header] for key in dict.keys(first)]
    if orient == "index":
        return _by_name([dict(row) for row in value.values()], columns)
    if orient == "split":
        rows = _lists(value["data"])
        header = [str(c) for c in value["columns"]]
        if columns:
            return list(columns), [[row[header.index(name)] for name in columns] for row in rows]
        return header, rows
    raise ValueError("no frame")


def decode(body: bytes, is_csv: bool, orient: Optional[str] = None, columns: Optional[Sequence[str]] = None) -> Any:
    """A pandas frame, or None when the body is refused."""
    import pandas as pd

    try:
        text = body.decode("utf-8")
        if is_csv:
            frame = pd.read_csv(io.StringIO(text.lstrip("\ufeff")), float_precision="round_trip", skip_blank_lines=True)
            if columns:
                frame = frame[list(columns)]
        else:
            header, rows = table_of(json.loads(text), orient, columns)
            lines = [",".join(_cell(c) for c in row) or '""' for row in rows]
            if header is not None:
                lines.insert(0, ",".join(_cell(c) for c in header))
            if not rows or not (header is None or header):
                return None
            # A row of one empty cell would be a blank line; quotes keep it.
            joined = "\n".join(line or '""' for line in lines)
            frame = pd.read_csv(io.StringIO(joined), header=None if header is None else 0, float_precision="round_trip")
        frame = frame.reset_index(drop=True)
        return frame if len(frame) else None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError):
        return None
