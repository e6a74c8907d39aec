"""The iris service of the documentation (0.13 API), saved as a bundle: iris_bundle.py FOLDER."""
import os
import pickle
import sys

import bentoml
from bentoml.adapters import DataframeInput
from bentoml.frameworks.sklearn import SklearnModelArtifact


@bentoml.env(infer_pip_packages=False)
@bentoml.artifacts([SklearnModelArtifact("model")])
class IrisClassifier(bentoml.BentoService):
    """Iris classes from four measurements."""

    @bentoml.api(input=DataframeInput(), batch=True)
    def predict(self, df):
        """Class index per row."""
        return self.artifacts.model.predict(df)


def save(folder):
    """Packs the pickled classifier and writes the bundle."""
    service = IrisClassifier()
    with open(os.environ["IRIS_MODEL"], "rb") as stored:
        service.pack("model", pickle.load(stored))
    os.makedirs(folder)
    service.save_to_dir(folder)


if __name__ == "__main__":
    save(sys.argv[1])
