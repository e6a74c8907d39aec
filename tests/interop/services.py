"""Services that the real BentoML 0.13.1 and ours save and load alike. `answer()` exercises what is inside a bundle."""
import bentoml
from bentoml.adapters import DataframeInput, DataframeOutput, JsonInput, JsonOutput, StringInput
from bentoml.frameworks.sklearn import SklearnModelArtifact
from bentoml.service.artifacts.common import JSONArtifact, PickleArtifact, TextFileArtifact

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.1, 4.7, 1.5], [6.3, 3.3, 6.0, 2.5]]


@bentoml.artifacts([JSONArtifact("table"), TextFileArtifact("text")])
class Portable(bentoml.BentoService):
    """Nothing in it depends on an interpreter."""

    @bentoml.api(input=JsonInput(), batch=True)
    def predict(self, values):
        """What the table says."""
        return [[self.artifacts.table[v], self.artifacts.text] for v in values]

    def answer(self):
        return self.predict(["a", "b"])


@bentoml.env(pip_packages=["scikit-learn"])
@bentoml.artifacts([SklearnModelArtifact("model"), PickleArtifact("scale"), JSONArtifact("names"), TextFileArtifact("note", file_extension=".md")])
class Everything(bentoml.BentoService):
    """All kinds of artifacts,
    and a docstring of two lines: with "quotes", 'more' and a # sign."""

    @bentoml.api(input=DataframeInput(), batch=True)
    def predict(self, df):
        return [self.artifacts.names[i] for i in self.artifacts.model.predict(df)]

    @bentoml.api(input=JsonInput(), batch=True, route="v2/scaled", mb_max_latency=300, mb_max_batch_size=7)
    def scaled(self, values):
        return [v * self.artifacts.scale["by"] for v in values]

    @bentoml.api(input=StringInput(), batch=False, api_name="noted", api_doc="Text in, text out: é")
    def anything(self, text):
        return text + self.artifacts.note

    def answer(self):
        import pandas

        return [self.predict(pandas.DataFrame(ROWS)), self.scaled([2, 3]), self.anything("a")]


@bentoml.ver(major=1, minor=4)
class Versioned(bentoml.BentoService):
    @bentoml.api(input=JsonInput(), batch=True)
    def predict(self, values):
        return values

    def answer(self):
        return [self.version, self.tag]


class Tuned(bentoml.BentoService):
    """Options of adapters and of micro-batching."""

    @bentoml.api(input=DataframeInput(orient="records", typ="frame"), output=DataframeOutput(output_orient="split"), batch=True, mb_max_batch_size=1)
    def records(self, df):
        return df

    @bentoml.api(input=DataframeInput(columns=["a", "b"], dtype={"a": "float64", "b": "int64"}), batch=True, mb_max_latency=1)
    def typed(self, df):
        return df

    @bentoml.api(input=DataframeInput(dtype="float32"), output=JsonOutput(ensure_ascii=True), batch=True)
    def floats(self, df):
        return df

    @bentoml.api(input=DataframeInput(orient="split"), batch=True, route="a-b/c.d")
    def split(self, df):
        return df

    @bentoml.api(input=JsonInput(), batch=False)
    def single(self, value):
        return value

    def answer(self):
        return [[a.name, a.route, a.batch, a.mb_max_latency, a.mb_max_batch_size] for a in self.inference_apis]


class Env(bentoml.BentoService):
    """Base of the services that differ in their environment."""

    @bentoml.api(input=JsonInput(), batch=True)
    def predict(self, values):
        return values

    def answer(self):
        return self.predict([self.name])


@bentoml.env(pip_packages=["pandas >= 1.0, <2", "numpy", "requests[security]>=2.0", "surely-not-installed", "six>1; python_version < \"4\"", "numpy==1.20.0", "PyYAML>=5"])
class PipPackages(Env):
    pass


@bentoml.env(requirements_txt_file="own-requirements.txt", pip_packages=["numpy"])
class Requirements(Env):
    pass


@bentoml.env(conda_channels=["conda-forge", "bioconda"], conda_dependencies=["gcc=9", "llvm"], conda_override_channels=True)
class CondaOptions(Env):
    pass


@bentoml.env(conda_env_yml_file="own-conda.yml")
class CondaFile(Env):
    pass


@bentoml.env(setup_sh="own-setup.sh", docker_base_image="example.org/base:1", pip_index_url="https://index.example", pip_trusted_host="index.example", pip_extra_index_url="https://extra.example")
class SetupFile(Env):
    pass


@bentoml.env(setup_sh="echo one\necho 'two: é'\n")
class SetupText(Env):
    pass


# What the environments name: files beside the program that saves, not beside the one that loads.
FILES = {
    "own-requirements.txt": "# pinned by hand\nnumpy==1.23.5\n-e git+https://example.org/x.git#egg=x\n",
    "own-conda.yml": "name: mine\nchannels:\n- defaults\ndependencies:\n- python=3.8\n- pip\n- pip:\n  - six\nvariables:\n  ANSWER: 42\n",
    "own-setup.sh": "#!/bin/sh\n# comment: with a colon\nexit 0\n",
}
METADATA = {
    "accuracy": 0.95, "epochs": 3, "whole": 2.0, "final": True, "nothing": None, "name": "é: 'x' # y",
    "list": [1, "a", {"deep": 0.5}], "some_key": {"inner_key": 1}, "rate": 1e-05, "huge": 1e22, "negative": -2.5e-07,
    "country": "no", "switch": "on", "texts": ["yes", "1e5", "010", "12:30", "1.10", "2021-01-01", "~", "null", "", " x ", "a\nb\n", "- a", "0x10", "1_000"],
}


def build(name):
    """A packed service, ready to save."""
    service = globals()[name]()
    if name == "Portable":
        service.pack("table", {"a": 1, "b": [2, "é"]}, metadata={"source": "by hand"})
        service.pack("text", "line one\nline two\n")
    if name == "Everything":
        from sklearn import datasets, svm

        iris = datasets.load_iris()
        service.pack("model", svm.SVC(gamma="scale").fit(iris.data, iris.target), metadata=METADATA)
        service.pack("scale", {"by": 10})
        service.pack("names", ["setosa", "versicolor", "virginica"], metadata={"labels": {"of": "iris"}})
        service.pack("note", " (noted)")
    return service


ANSWERS = {
    "Inferred": [8.0],
    "Portable": [[1, "line one\nline two\n"], [[2, "é"], "line one\nline two\n"]],
    "Everything": [["setosa", "versicolor", "virginica"], [20, 30], "a (noted)"],
    "Versioned": ["1.4.v1", "Versioned:1.4.v1"],
    "Tuned": [
        ["floats", "floats", True, 20000, 4000],
        ["records", "records", True, 20000, 1],
        ["single", "single", False, 20000, 4000],
        ["split", "a-b/c.d", True, 20000, 4000],
        ["typed", "typed", True, 1, 4000],
    ],
}
NAMES = ["Portable", "Everything", "Versioned", "Tuned", "PipPackages", "Requirements", "CondaOptions", "CondaFile", "SetupFile", "SetupText"]
