"""The iris classifier as a service of BentoML 1.4, adaptive batching on."""
import os
import pickle

import bentoml
import numpy


@bentoml.service(workers=2, traffic={"timeout": 60})
class Iris:
    """Class index per row."""

    def __init__(self) -> None:
        with open(os.environ["IRIS_MODEL"], "rb") as stored:
            self.model = pickle.load(stored)

    @bentoml.api(batchable=True, route="/predict")
    def predict(self, rows: numpy.ndarray, /) -> numpy.ndarray:
        """Rows of all requests of a batch, one below the other."""
        return self.model.predict(rows)
