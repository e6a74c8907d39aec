"""The iris classifier behind LitServe: iris_litserve.py PORT WORKERS."""
import os
import pickle
import sys

import litserve
import numpy


class Iris(litserve.LitAPI):
    """Class index per row."""

    def setup(self, device):
        """Loads the model in each worker."""
        with open(os.environ["IRIS_MODEL"], "rb") as stored:
            self.model = pickle.load(stored)

    def decode_request(self, request):
        """Rows of the body."""
        return numpy.asarray(request)

    def predict(self, rows):
        """One call per request."""
        return self.model.predict(rows)

    def encode_response(self, classes):
        """A JSON list."""
        return classes.tolist()


if __name__ == "__main__":
    server = litserve.LitServer(Iris(), accelerator="cpu", workers_per_device=int(sys.argv[2]), timeout=60)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", generate_client_file=False)
