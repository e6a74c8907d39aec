"""Calls predict of a bundle on a ready frame: call_inside.py BUNDLE. Prints the median in microseconds."""
import json
import statistics
import sys
import time

import bentoml
import pandas


def main():
    """The frame is made once: only the user function is timed."""
    service = bentoml.load(sys.argv[1])
    frame = pandas.DataFrame([[5.1, 3.5, 1.4, 0.2]])
    took = []
    for _ in range(3000):
        began = time.perf_counter_ns()
        service.predict(frame)
        took.append(time.perf_counter_ns() - began)
    print(json.dumps({"p50_us": statistics.median(took) / 1e3}))


main()
