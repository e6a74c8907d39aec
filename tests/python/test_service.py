"""The SDK: declarations, artifacts, saving and loading, adapters called directly."""
import json
import os
import re
import subprocess
import sys
import zipfile

import bentoml
import pytest
from bentoml.adapters import BaseInputAdapter, DataframeInput, JsonInput, JsonOutput, StringInput
from bentoml.exceptions import BadInput, BentoMLConfigException, BentoMLException, FailedPrecondition, InvalidArgument, NotFound
from bentoml.frameworks.sklearn import SklearnModelArtifact
from bentoml.service import validate_version_str
from bentoml.service.artifacts.common import JSONArtifact, PickleArtifact, TextFileArtifact
from bentoml.types import HTTPHeaders, HTTPRequest, InferenceError, InferenceResult, InferenceTask, parse_form_data


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


def write_tree(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


SERVICE = """
import bentoml
from bentoml.adapters import JsonInput
%s

class Local(bentoml.BentoService):
    @bentoml.api(input=JsonInput(), batch=False)
    def predict(self, value):
        %s
"""


def save_in(folder, code, *options, check=True):
    """Run code that saves a service with the folder as its project; the bundle goes to <folder>/../bundle."""
    bundle = folder.parent / "bundle"
    bundle.mkdir(exist_ok=True)
    command = [sys.executable, *(options or ("-c", code))]
    return bundle, subprocess.run(command, capture_output=True, text=True, cwd=str(folder), check=check)


def load_elsewhere(bundle, expression="s.predict(1)"):
    code = "import bentoml; s = bentoml.load(%r); print(%s)" % (str(bundle), expression)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd="/")


SUB = {"mylib/sub/__init__.py": "", "mylib/sub/deep.py": "from ..other import two\nclass K:\n    n = 1\ndef f(): return two()\n", "mylib/other.py": "def two(): return 2\n"}


@pytest.mark.parametrize(
    "init, imports, body",
    [
        ("from .sub.deep import K\n", "import mylib", "return mylib.K.n + 1"),
        ("from .sub.deep import f\n", "import mylib", "return mylib.f()"),
        ("from . import other\n", "import mylib", "return mylib.other.two()"),
        ("from .sub import deep\n", "from mylib import deep", "return deep.f()"),
        ("from .sub import *\n", "import mylib", "return mylib.deep.f()"),
        ("", "", "from mylib.sub import deep; return deep.f()"),
        ("raise_not = 1\ndef later():\n    from . import broken\n", "import mylib.other", "return mylib.other.two()"),
    ],
)
def test_relative_imports_are_in_the_bundle(tmp_path, init, imports, body):
    files = dict(SUB, **{"mylib/__init__.py": init, "mylib/broken.py": "raise SystemExit(3)\nnot a python\n", "svc.py": SERVICE % (imports, body)})
    if "*" in init:
        files["mylib/sub/__init__.py"] = "__all__ = ['deep']\n"
    write_tree(tmp_path / "project", files)
    bundle, _ = save_in(tmp_path / "project", "import svc; svc.Local().save_to_dir('../bundle')")
    out = load_elsewhere(bundle)
    assert (out.returncode, out.stdout) == (0, "2\n"), out.stderr


@pytest.mark.parametrize("how", ["import", "-m", "namespace", "init", "cycle", "effect", "itself"])
def test_a_service_in_a_package(tmp_path, how):
    text = SERVICE % ("from .utils import f\nfrom ..base import TWO", "return f(TWO)")
    module = "outer.app.service"
    files = {"outer/__init__.py": "", "outer/base.py": "TWO = 2\n", "outer/app/__init__.py": "", "outer/app/utils.py": "def f(x): return x\n", "outer/app/service.py": text}
    if how == "namespace":
        del files["outer/__init__.py"], files["outer/app/__init__.py"]
    if how == "cycle":
        files["outer/app/__init__.py"] = "from .service import Local\n"
    if how == "init":
        files["outer/app/__init__.py"] = files.pop("outer/app/service.py")
        module = "outer.app"
    if how == "effect":
        files["outer/app/__init__.py"] = "import builtins\nbuiltins.TWO = 2\n"
        files["outer/app/service.py"] = SERVICE % ("", "return TWO")
    if how == "itself":
        files["outer/app/service.py"] = SERVICE % ("TWO = 2", "import outer.app.service; return outer.app.service.TWO")
    options = ()
    if how == "-m":
        files["outer/app/service.py"] += "\nif __name__ == '__main__':\n    Local().save_to_dir('../bundle')\n"
        options = ("-m", module)
    write_tree(tmp_path / "project", files)
    bundle, _ = save_in(tmp_path / "project", "import %s as svc; svc.Local().save_to_dir('../bundle')" % module, *options)
    out = load_elsewhere(bundle, "s.predict(1), type(s).__module__")
    assert (out.returncode, out.stdout) == (0, "2 %s\n" % module), out.stderr


def zip_of(path, name, text):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, text)


def test_zip_archives_are_in_the_bundle(tmp_path):
    """A declared one, beside the module, and one on sys.path, of the same name."""
    text = (SERVICE % ("", "from zipped import one; from other import two; return one() + two()")).replace(
        "class Local", "@bentoml.env(zipimport_archives=['lib/z.zip'])\nclass Local"
    )
    project = tmp_path / "project"
    write_tree(project, {"app/svc.py": text, "app/lib/x": "", "z/x": ""})
    code = "import sys; sys.path[:0] = ['app', 'z/z.zip']; import svc; svc.Local().save_to_dir('../bundle')"
    _, out = save_in(project, code, check=False)
    assert "BentoMLException: zipimport archive 'lib/z.zip' not found" in out.stderr
    (project / "app/lib/z.zip").write_text("no zip")
    _, out = save_in(project, code, check=False)
    assert out.stderr.rstrip().endswith("app/lib/z.zip' is not a zip file")
    assert os.listdir(tmp_path / "bundle") == []
    zip_of(project / "app/lib/z.zip", "zipped.py", "def one(): return 1\n")
    zip_of(project / "z/z.zip", "other.py", "def two(): return 2\n")
    bundle, _ = save_in(project, code)
    project.rename(tmp_path / "moved")
    assert sorted(os.listdir(bundle / "Local/zipimports")) == ["z-1.zip", "z.zip"]
    (tmp_path / "again").mkdir()
    out = load_elsewhere(bundle, "s.predict(1), s.save_to_dir(%r)" % str(tmp_path / "again"))
    assert (out.returncode, out.stdout) == (0, "3 None\n"), out.stderr
    out = load_elsewhere(tmp_path / "again")
    assert (out.returncode, out.stdout) == (0, "3\n"), out.stderr


def test_a_damaged_description_is_a_clear_error(tmp_path):
    write_tree(tmp_path / "project", {"svc.py": SERVICE % ("", "return value")})
    bundle, _ = save_in(tmp_path / "project", "import svc; svc.Local().save_to_dir('../bundle')")
    whole = (bundle / "bentoml.yml").read_text()
    cuts = {0: "does not describe a bundle", whole.index("  service_name"): "has no service_name", whole.index("  module_file"): "has no module_file"}
    cuts[whole.index("apis:")] = "has no apis"
    cuts[whole.index("service_version:") + 5] = "malformed YAML"
    for size, why in cuts.items():
        (bundle / "bentoml.yml").write_text(whole[:size])
        with pytest.raises(BentoMLException, match=why) as caught:
            bentoml.load(str(bundle))
        assert "bentoml.yml" in str(caught.value) and "cut off" in caught.value.hint
    (bundle / "bentoml.yml").write_text(whole.replace("- name: predict", "- nom: predict"))
    with pytest.raises(BentoMLException, match="has no name of an API"):
        bentoml.load(str(bundle))
    (bundle / "bentoml.yml").write_text(whole)
    assert bentoml.load(str(bundle)).predict(1) == 1


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


@pytest.mark.parametrize(
    "argument, bad, good",
    [
        ("mb_max_batch_size", [0, -1, 1.5, True, "10", None], [1, 4000]),
        ("mb_max_latency", [0, -1, 1.5, True, "10", None], [1, 60000]),
        ("batch", [0, 1, "yes", None], [True, False]),
        ("api_name", [5, "", "a-b", "index", "docs"], ["a_b", "metadata"]),
        ("route", [5, "", "/", "a#b", ":x", "a\nb", "a\x00", "docs.json", "metadata", "/metrics", "/healthz", "feedback", "docs", "index"], ["/v1/x", "metrics/x", r"$~!@%^&*()_-+=[]\|;:,./predict"]),
    ],
)
def test_arguments_of_api(argument, bad, good):
    for value in bad:
        with pytest.raises(InvalidArgument, match=argument.replace("api_name", "API name").replace("route", "route|path")):
            bentoml.api(input=JsonInput(), **{argument: value})(echo)
    for value in good:
        bentoml.api(**{"input": JsonInput(), "route": "ok", argument: value})(echo)


def test_two_apis_of_one_name_or_route():
    def function(name, **kwargs):
        def method(self, value):
            return value

        method.__name__ = name
        return bentoml.api(input=JsonInput(), **kwargs)(method)

    with pytest.raises(InvalidArgument, match="Duplicated API route 'x' in service 'S': methods 'a' and 'b' have it"):
        type("S", (bentoml.BentoService,), {"a": function("a", route="x"), "b": function("b", route="/x")})
    with pytest.raises(InvalidArgument, match="Duplicated API name 'x'"):
        type("S", (bentoml.BentoService,), {"a": function("a", route="x", api_name="x"), "b": function("b", route="y", api_name="x")})
    with pytest.raises(InvalidArgument, match="Reserved API route"):
        function("metadata")
    base = type("S", (bentoml.BentoService,), {"a": function("a", route="x"), "b": function("b")})
    with pytest.raises(InvalidArgument, match="Duplicated API route 'b' in service 'T'"):
        type("T", (base,), {"c": function("c", route="b")})
    assert [api.name for api in type("T", (base,), {"a": function("a", route="x")})().inference_apis] == ["a", "b"]


@pytest.mark.parametrize("options, text", [(["-"], "interactive REPL"), (["-i"], "interactive REPL"), (["-c", "x"], "interactive REPL"), (["gone.py"], "is not there: '.*gone.py'")])
def test_a_class_without_a_file_cannot_be_saved(tmp_path, options, text):
    code = (SERVICE % ("", "return value")) + "\nimport os\nif os.path.exists('gone.py'): os.unlink('gone.py')\n"
    code += "try: Local().save_to_dir('bundle')\nexcept bentoml.exceptions.BentoMLException as e: print('saved not:', e)\n"
    (tmp_path / "bundle").mkdir()
    if options == ["gone.py"]:
        (tmp_path / "gone.py").write_text(code)
    options = [code if o == "x" else o for o in options]
    stdin = code if options[0] != "-i" else "exec(%r)\n" % code
    out = subprocess.run([sys.executable, *options], input=stdin, capture_output=True, text=True, cwd=str(tmp_path), timeout=60)
    assert re.search("saved not: .*" + text, out.stdout), out.stderr
    assert os.listdir(tmp_path / "bundle") == []


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

        def from_cli(self, cli_args):
            return iter([InferenceTask(data=" ".join(cli_args).upper())])

        def extract_user_func_args(self, tasks):
            return ([t.data for t in tasks],)

    class Service(bentoml.BentoService):
        @bentoml.api(input=Upper(), batch=True)
        def echo(self, texts):
            return texts

    api = Service().get_inference_api("echo")
    assert [r.data for r in infer(api, b"a", b"b")] == ['"A"', '"B"']
    assert api.cli_options() == []  # `bentoml run` leaves the options to the adapter


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
        ("int64", "1.0", 1),
        ("int64", "-3.0", -3),
        ("int64", "1.5", None),
        ("int64", "1e300", None),
        ("int64", "9223372036854775808.0", None),
        ("int64", "-9223372036854775808.0", -9223372036854775808),
        ("int8", "127.0", 127),
        ("int8", "128.0", None),
        ("uint8", "-1.0", None),
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


def test_too_many_columns_are_told():
    """The body may be small: not "too large", and the client hears which limit it was."""
    bodies = [b"[[%s]]" % b",".join([b"1"] * 65537), b",".join(b"c%d" % i for i in range(65537)) + b"\n1", b'[{"a": 1}]']
    tasks = [InferenceTask(data=body) for body in bodies]
    tasks[1].http_headers = HTTPHeaders([("Content-Type", "text/csv")])
    DataframeInput().extract_user_func_args(tasks)
    assert [t.is_discarded for t in tasks] == [True, True, False]
    for task in tasks[:2]:
        assert (task.error.http_status, task.error.err_msg) == (400, "DataframeInput Wrong input format: more than 65536 columns.")


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


def form(head, content=b"x"):
    body = b"--B\r\n" + head + b"\r\n\r\n" + content + b"\r\n--B--\r\n"
    return HTTPRequest(HTTPHeaders([("Content-Type", "multipart/form-data; boundary=B")]), body)


def test_form_data():
    _, fields, files = parse_form_data(form(b'Content-Disposition: form-data; name="a"; filename="f.txt"', b"y" * 100_000))
    assert fields == {} and files["a"].read() == b"y" * 100_000
    for head in (b"Content-Disposition: form-data; name=a" + b"; p=1" * 20_000, b"Content-Disposition: form-data; name=a; filename*=punycode''a"):
        with pytest.raises(BadInput):
            parse_form_data(form(head))
