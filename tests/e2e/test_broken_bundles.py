"""Bundles that cannot be loaded: `run` and `serve` say why in one line, what to do about it, and end with status 1."""
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from conftest import environment

SERVICE = """
import os, sys
import bentoml
from bentoml.adapters import JsonInput, MultiFileInput
from bentoml.service.artifacts.common import PickleArtifact

@bentoml.artifacts([PickleArtifact("model")])
class Fragile(bentoml.BentoService):
    @bentoml.api(input=JsonInput(), batch=False)
    def predict(self, value):
        return value

    @bentoml.api(input=MultiFileInput(input_names=["left_one"]), batch=False)
    def files(self, left_one):
        return left_one.read().decode()
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory, home):
    folder = tmp_path_factory.mktemp("fragile")
    (folder / "fragile.py").write_text(SERVICE)
    (folder / "bundle").mkdir()
    code = "import fragile; s = fragile.Fragile(); s.pack('model', 1); s.save_to_dir('bundle')"
    subprocess.run([sys.executable, "-c", code], env=environment(home), cwd=str(folder), check=True)
    return folder / "bundle"


@pytest.fixture
def bundle(whole, tmp_path):
    return pathlib.Path(shutil.copytree(whole, tmp_path / "bundle"))


def run(bentoml, bundle, *words):
    return bentoml("run", str(bundle), *(words or ("predict", "--input", "1")))


def serve(bentoml, bundle):
    return bentoml("serve", str(bundle), "--port", "0", "--workers", "1")


@pytest.mark.parametrize("how", ["empty", "no metadata", "cut in a line", "cut before apis", "cut in an API"])
@pytest.mark.parametrize("command", [run, serve])
def test_bentoml_yml(bentoml, bundle, how, command):
    text = (bundle / "bentoml.yml").read_text()
    cut = {
        "empty": (0, "does not describe a bundle"),
        "no metadata": (text.index("  service_name"), "has no service_name"),
        "cut in a line": (text.index("service_version") + 4, "malformed YAML at line"),
        "cut before apis": (text.index("apis:"), "has no apis"),
        "cut in an API": (text.index("  input_type"), "has no input_type of an API"),
    }
    (bundle / "bentoml.yml").write_text(text[: cut[how][0]])
    done = command(bentoml, bundle)
    lines = done.stderr.splitlines()
    assert done.returncode == 1 and len(lines) == 2, done.stderr
    assert re.match(r"Error: bentoml-cli %s failed: .*/bentoml.yml'" % command.__name__, lines[0])
    assert cut[how][1] in lines[0] and lines[1].startswith("hint: the file is damaged or cut off")


@pytest.mark.parametrize(
    "line, why",
    [
        ("raise RuntimeError('boom\\nbang')", "RuntimeError: boom bang"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("sys.exit(0)", "SystemExit: 0"),
        ("sys.exit()", "SystemExit"),
        ("not a python", "SyntaxError: invalid syntax"),
    ],
)
def test_code_that_fails_when_imported(bentoml, bundle, line, why):
    with open(bundle / "Fragile/fragile.py", "a") as f:
        f.write(line + "\n")
    done = run(bentoml, bundle)
    lines = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, "")
    assert lines[0].startswith("Traceback") and lines[-1] == "hint: what Python said about it stands above"
    assert lines[-2].startswith("Error: bentoml-cli run failed: the service cannot be loaded: " + why)


def test_code_that_ends_the_process(bentoml, bundle):
    with open(bundle / "Fragile/fragile.py", "a") as f:
        f.write("if os.fork() == 0:\n    os._exit(7)\nassert os.WEXITSTATUS(os.wait()[1]) == 7\nprint('out')\nos._exit(0)\n")
    done = run(bentoml, bundle)
    assert (done.returncode, done.stdout) == (1, "out\n")
    assert done.stderr.splitlines() == ["Error: bentoml-cli run failed: the service cannot be loaded: its code ended the process by os._exit(0)"]


@pytest.mark.parametrize("name", ["artifacts/model.pkl", "fragile.py"])
def test_a_missing_file(bentoml, bundle, name):
    (bundle / "Fragile" / name).unlink()
    done = run(bentoml, bundle)
    lines = done.stderr.splitlines()
    assert done.returncode == 1 and len(lines) == 2, done.stderr
    assert lines[0].startswith("Error: bentoml-cli run failed: ") and name.split("/")[-1] in lines[0]
    assert lines[1].startswith("hint: the bundle ") and "copy the whole folder again" in lines[1]


@pytest.mark.parametrize(
    "words, status, last",
    [
        ("predict --inputt 1", 2, "Error: No such option: --inputt Did you mean --input?"),
        ("predict --input 1 --inputt=2", 2, "Error: No such option: --inputt Did you mean --input?"),
        ("predict --input 1 --zzz", 2, "Error: No such option: --zzz"),
        ("predict --input 1 -z", 2, "Error: No such option: -z"),
        ("files --input-left x", 0, "x"),
        ("files --input-lefd-one x", 2, "Error: No such option: --input-lefd-one Did you mean --input-left-one?"),
        ("predict --input -5", 0, "-5"),
        ("predict --input=1 -ojson --max-batch 4", 0, "1"),
    ],
)
def test_options_of_run(bentoml, bundle, words, status, last):
    done = run(bentoml, bundle, *words.split())
    assert done.returncode == status, done.stderr
    assert (done.stderr if status else done.stdout).splitlines()[-1].strip('"') == last
    if status:
        assert done.stderr.startswith("Usage: bentoml run ") and done.stdout == ""
