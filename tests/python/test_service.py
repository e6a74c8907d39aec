"""The SDK: declarations, artifacts, saving and loading, adapters called directly."""
import json
import os
import subprocess
import sys

import bentoml
import pytest
from bentoml.adapters import BaseInputAdapter, DataframeInput, JsonInput, JsonOutput, StringInput
from bentoml.exceptions import BentoMLConfigException, BentoMLException, FailedPrecondition, InvalidArgument, NotFound
from bentoml.frameworks.sklearn import SklearnModelArtifact
from bentoml.service import validate_version_str
from bentoml.service.artifacts.common import JSONArtifact, PickleArtifact, TextFileArtifact
from bentoml.types import HTTPHeaders, HTTPRequest, InferenceError, InferenceResult, InferenceTask


@bentoml.env(pip_packages=["pandas"])
@bentoml.artifacts([PickleArtifact("scale"), JSONArtifact("table"), TextFileArtifact("text", file_extension=".md")])
class Example(bentoml.BentoService):
    """An example."""

    @bentoml.api(input=JsonInput(), batch=True)
    def scaled(self, values):
        return [v * self.artifacts.scale for v in values]

    @bentoml.api(input=JsonInput(), output=JsonOutput(ensure_ascii=True), batch=False, route="v1/one")
    def one(self, value, task: InferenceTask = None):
        if value == "drop":
            task.discard(http_status=422, err_msg="dropped")
        return value


def ready():
    service = Example()
    service.pack("scale", 3, metadata={"unit": "m"}).pack("table", {"k": 1}).pack("text", "hello")
    return service


def test_save_and_load_in_a_fresh_process(tmp_path, monkeypatch):
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path))
    service = ready()
    path = service.save(labels={"stage": "test"})
    assert os.path.isfile(os.path.join(path, "Example/artifacts/scale.pkl"))
    assert json.load(open(os.path.join(path, "docs.json")))["info"]["title"] == "Example"
    code = "import bentoml; s = bentoml.load(%r); print(s.scaled([1, 2]), s.artifacts['scale'].metadata, s.artifacts.text, s.tag)" % path
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    assert out.stdout.split() == "[3, 6] {'unit': 'm'} hello".split() + [service.tag]
    assert out.stderr == ""
    with pytest.raises(BentoMLException, match="already registered"):
        service.save()
    service.set_version()
    assert service.save() != path
    assert [f for f in os.listdir(tmp_path / "repository") if f.startswith(".")] == []


def test_a_failed_save_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path))
    service = ready()
    service.artifacts.get("table").pack({"k": object()})
    with pytest.raises(TypeError):
        service.save()
    assert os.listdir(tmp_path / "repository") == []


def test_artifact_states():
    artifact = SklearnModelArtifact("model")
    assert not artifact.packed and not artifact.is_ready
    with pytest.raises(FailedPrecondition):
        artifact.get()
    with pytest.raises(FailedPrecondition):
        artifact.save("/tmp")
    with pytest.raises(TypeError):
        artifact.pack(1, metadata="x")
    assert not artifact.packed
    assert artifact.pack(1, metadata={"a": 1}) is artifact and artifact.metadata == {"a": 1}
    with pytest.raises(ValueError, match="valid python identifier"):
        SklearnModelArtifact("not valid")


def echo(self, value):
    return value


def test_declarations_are_checked():
    with pytest.raises(InvalidArgument, match="Duplicated artifact name `m` detected"):
        bentoml.artifacts([PickleArtifact("m"), JSONArtifact("m")])(type("X", (bentoml.BentoService,), {}))
    with pytest.raises(InvalidArgument, match="only accept list of BentoServiceArtifact"):
        bentoml.artifacts(["m"])(type("X", (bentoml.BentoService,), {}))
    for kwargs in ({"api_name": "a b"}, {"api_name": "healthz"}, {"route": "a?b"}, {"route": "//x"}, {"route": "metrics"}):
        with pytest.raises(InvalidArgument):
            bentoml.api(input=JsonInput(), **kwargs)(echo)
    with pytest.raises(InvalidArgument, match="must be an instance of a class derived from"):
        bentoml.api("nonsense")(echo)

    class Single(bentoml.BentoService):
        @bentoml.api(input=DataframeInput())
        def predict(self, df):
            return df

    with pytest.raises(BentoMLConfigException):
        Single()
    with pytest.raises(NotFound):
        Example().get_inference_api("nope")


@pytest.mark.parametrize("text, ok", [("abc_123", True), ("1", True), ("1.3.4-g375a71b", True), ("1.2.3+build", True), ("44&", False), ("44 123", False), ("", False), ("Latest", False), ("a" * 129, False)])
def test_versions(text, ok):
    if ok:
        validate_version_str(text)
    else:
        with pytest.raises(InvalidArgument):
            validate_version_str(text)


def test_version_prefix():
    @bentoml.ver(2, 10)
    class Prefixed(bentoml.BentoService):
        pass

    service = Prefixed()
    assert service.set_version("x") == "2.10.x"
    assert service.version == "2.10.x"


def infer(api, *bodies, headers=None):
    tasks = [api.input_adapter.from_http_request(HTTPRequest(headers or {}, body)) for body in bodies]
    return api.infer(tasks)


def test_bad_requests_do_not_touch_their_neighbours():
    service = ready()
    results = infer(service.get_inference_api("scaled"), b"1", b"{", b"2", b"\xff", b'"\\ud83d"')
    assert [r.http_status for r in results] == [200, 400, 200, 400, 400]
    assert [r.data for r in results if r.http_status == 200] == ["3", "6"]
    assert results[1].err_msg == "Not a valid JSON format"


def test_discard_and_task_argument():
    service = ready()
    results = infer(service.get_inference_api("one"), b'"drop"', '"é"'.encode())
    assert [(r.http_status, r.err_msg or r.data) for r in results] == [(422, "dropped"), (200, '"\\u00e9"')]


def test_custom_adapter():
    class Upper(BaseInputAdapter):
        def from_http_request(self, req):
            return InferenceTask(data=req.body.decode().upper())

        def extract_user_func_args(self, tasks):
            return ([t.data for t in tasks],)

    class Service(bentoml.BentoService):
        @bentoml.api(input=Upper(), batch=True)
        def echo(self, texts):
            return texts

    assert [r.data for r in infer(Service().get_inference_api("echo"), b"a", b"b")] == ['"A"', '"B"']


def test_results_made_by_the_function():
    class Service(bentoml.BentoService):
        @bentoml.api(input=StringInput(), batch=True)
        def make(self, texts):
            return [InferenceResult(http_status=201, data=t) if t else InferenceError(http_status=418, err_msg="teapot") for t in texts]

    results = infer(Service().get_inference_api("make"), b"x", b"")
    assert [(r.http_status, r.err_msg or r.data) for r in results] == [(201, "x"), (418, "teapot")]
    assert InferenceResult().http_status == 501


def test_dataframe_input_types():
    adapter = DataframeInput(columns=["a", "b"], dtype={"a": "float64", "b": "int64"})
    tasks = [InferenceTask(data='[{"a": 1, "b": 2}]'), InferenceTask(data='[{"a": 1, "b": 2.5}]'), InferenceTask(data="[["), InferenceTask(data='[{"b": 4, "a": 3.5}]')]
    (frame,) = adapter.extract_user_func_args(tasks)
    assert [str(t) for t in frame.dtypes] == ["float64", "int64"] and frame.values.tolist() == [[1.0, 2.0], [3.5, 4.0]]
    assert [t.is_discarded for t in tasks] == [False, True, True, False]
    assert adapter.request_schema["application/json"]["schema"]["properties"]["b"]["items"] == {"type": "integer"}
    with pytest.raises(AssertionError):
        DataframeInput(orient="table")
    with pytest.raises(AssertionError):
        DataframeInput(columns=["a"], dtype={"b": "int"})


@pytest.mark.parametrize(
    "kind, value, want",
    [
        ("int64", "9223372036854775807", 9223372036854775807),
        ("int64", "9223372036854775808", None),
        ("int64", "18446744073709551616", None),
        ("int64", "-9223372036854775808", -9223372036854775808),
        ("uint64", "18446744073709551615", 18446744073709551615),
        ("uint64", "-1", None),
        ("int8", "127", 127),
        ("int8", "300", None),
        ("int8", "-129", None),
        ("uint8", "255", 255),
        ("uint8", "-1", None),
        ("int64", "1.0", None),
        ("int64", "true", None),
        (bool, "1", True),
        ("bool", "0", False),
        ("bool", "true", True),
        ("bool", "2", None),
        ("bool", "-1", None),
        ("bool", "1.0", None),
        ("float64", '"x"', None),
        ("float32", "3", 3.0),
    ],
)
def test_casts_keep_the_value_or_refuse(kind, value, want):
    adapter = DataframeInput(dtype={"a": kind})
    tasks = [InferenceTask(data='[{"a": %s}]' % value), InferenceTask(data="a\n%s\n" % value, http_headers={"Content-Type": "text/csv"})]
    for task in tasks:
        (frame,) = adapter.extract_user_func_args([task])
        assert task.is_discarded == (want is None) and (task.error.http_status == 400 if task.is_discarded else True)
        if want is not None:
            assert frame["a"].tolist() == [want] and frame["a"].dtype == kind


@pytest.mark.parametrize("kind", [bytes, str])
@pytest.mark.parametrize("char", ["x", "\u00fc", "\U0001f600"])
def test_a_refused_body_is_echoed_in_part(kind, char):
    adapter = DataframeInput()

    def message(count):
        text = char * count
        return adapter.wrong_format(text.encode() if kind is bytes else text, "EINVAL")

    start = "DataframeInput Wrong input format: "
    assert message(4096) == start + char * 4096 + "."
    assert message(4097) == message(1000000) == start + char * 4096 + "..."


def test_headers():
    headers = HTTPHeaders([("Content-Type", "Text/CSV; Charset=Latin-1"), ("X", "1"), ("x", "2")])
    assert headers.content_type == "text/csv" and headers.charset == "Latin-1"
    assert headers["X"] == "1" and headers.getall("X") == ["1", "2"] and "accept" not in headers
    with pytest.raises(KeyError):
        headers["Accept"]


REAL_CHARSETS = """utf-8 UTF8 utf_8 utf-8-sig utf-16 UTF-16LE utf-16-be utf-32 utf-32le utf-32-be latin-1 latin1 iso-8859-1 ISO_8859-1
    l1 iso8859-15 iso-8859-9 windows-1252 cp1252 gbk gb2312 cp936 gb18030 mac-roman macintosh koi8-r koi8-u shift_jis sjis cp932
    euc-jp euc-kr big5 ascii us-ascii""".split()


@pytest.mark.parametrize("name", REAL_CHARSETS)
@pytest.mark.parametrize("adapter", [StringInput(), JsonInput(), DataframeInput()], ids=["text", "json", "frame"])
def test_charsets(adapter, name):
    text = next(t for t in ('[{"a": "\u00fc"}]', '[{"a": "\u0416"}]', '[{"a": "z"}]') if t.encode(name, "ignore").decode(name) == t)
    task = adapter.from_http_request(HTTPRequest({"Content-Type": "application/json; charset=%s" % name}, text.encode(name)))
    assert not task.is_discarded and task.data == text


@pytest.mark.parametrize("adapter", [StringInput(), JsonInput(), DataframeInput()], ids=["text", "json", "frame"])
def test_charsets_that_are_none(adapter):
    names = "punycode unicode_escape raw-unicode-escape idna hex base64 rot13 zip bz2 uu quopri utf-7 mbcs undefined klingon ../os a\xe9".split(" ")
    for name in names + ["x" * 10000, "utf-8\0", " "]:
        task = adapter.from_http_request(HTTPRequest({"Content-Type": "text/plain; charset=%s" % name}, b"[[1]]"))
        if not name.strip():
            assert not task.is_discarded
            continue
        assert task.is_discarded and task.error.http_status == 400 and len(task.error.err_msg) < 100
        assert "charset %s is not supported" % ascii(name[:40]) in task.error.err_msg
    broken = adapter.from_http_request(HTTPRequest({"Content-Type": "text/plain; charset=utf-16"}, b"[[1]]"))
    assert broken.is_discarded and broken.error.http_status == 400


def test_environment():
    from bentoml.service.env import BentoServiceEnv

    env = BentoServiceEnv(pip_packages=["pandas", "left-pad==1.0"], pip_index_url="http://i", conda_channels=["c"], conda_override_channels=True)
    env.add_pip_packages(["left-pad"])
    text = env.requirements_text().splitlines()
    assert text[:2] == ["--index-url=http://i", "bentoml==0.13.1"] and "left-pad==1.0" in text
    assert env._conda_env.document()["channels"] == ["c", "nodefaults"]
    with pytest.raises(BentoMLException):
        BentoServiceEnv(conda_override_channels=True)


def test_import_is_light():
    code = "import sys; before = set(sys.modules); import bentoml; new = set(sys.modules) - before; print(sorted(m for m in new if m.split('.')[0] in ('numpy', 'pandas', 'asyncio', 'json')))"
    out = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, env=dict(os.environ, PYTHONPATH=os.path.dirname(os.path.dirname(bentoml.__file__))))
    assert out.stdout.strip() == "[]", out.stderr
