"""Saves many versions of a small service into BENTOML_HOME: many_bundles.py COUNT."""
import sys

import bentoml
from bentoml.adapters import JsonInput
from bentoml.service.artifacts.common import JSONArtifact


@bentoml.env(infer_pip_packages=False)
@bentoml.artifacts([JSONArtifact("model")])
class Small(bentoml.BentoService):
    """One API, one artifact."""

    @bentoml.api(input=JsonInput(), batch=True)
    def predict(self, items):
        """The input again."""
        return items


for i in range(int(sys.argv[1])):
    service = Small()
    service.pack("model", {"i": i})
    service.set_version("v%d" % i)
    service.save(labels={"team": "a" if i % 2 else "b"})
