"""A service whose packages are inferred from its imports, with a module of its own beside it."""
import bentoml
import numpy as np
from bentoml.adapters import JsonInput
from inferred_helper import twice
from sklearn.base import BaseEstimator  # noqa: F401  (to be found)


@bentoml.env(infer_pip_packages=True, pip_packages=["numpy"])
class Inferred(bentoml.BentoService):
    @bentoml.api(input=JsonInput(), batch=True)
    def predict(self, values):
        import pandas as pd

        return [float(twice(np.sum(v))) + len(pd.Series(v)) for v in values]

    def answer(self):
        return self.predict([[1, 2]])


def build(name):
    return Inferred()
