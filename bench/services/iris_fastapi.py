"""The iris classifier behind FastAPI: no batching, the model runs in the handler."""
import os
import pickle
from typing import List

import numpy
from fastapi import FastAPI

with open(os.environ["IRIS_MODEL"], "rb") as stored:
    model = pickle.load(stored)
app = FastAPI()


@app.post("/predict")
async def predict(rows: List[List[float]]) -> List[int]:
    """Class index per row."""
    return model.predict(numpy.asarray(rows)).tolist()
