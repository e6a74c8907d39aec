"""Decodes a frame of 1000x100 numbers with ours and with pandas.read_json; prints how many times faster ours is, by orient."""
import io
import json
import statistics
import time

import numpy
import pandas
from bentoml import _core
from bentoml._pandas import build_frame

ROWS, COLUMNS, TIMES = 1000, 100, 9


def median_s(call):
    """Median time of a call, after one to warm up."""
    call()
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def main():
    """Both must give the same cells, or the comparison means nothing."""
    cells = numpy.random.default_rng(1).normal(size=(ROWS, COLUMNS)).round(6)
    frame = pandas.DataFrame(cells, columns=["c%d" % i for i in range(COLUMNS)])
    result = {}
    for orient in ("records", "split", "values", "columns", "index"):
        text = frame.to_json(orient=orient)
        body = text.encode()
        decoder = _core.FrameDecoder(orient)

        def ours(decoder=decoder, body=body):
            return build_frame(decoder.decode([(body, False)])[0][0])

        def theirs(text=text, orient=orient):
            return pandas.read_json(io.StringIO(text), orient=orient)

        if not numpy.allclose(ours().to_numpy(), theirs().to_numpy()):
            raise SystemExit("the frames differ: " + orient)
        result[orient] = median_s(theirs) / median_s(ours)
    print(json.dumps(result))


main()
