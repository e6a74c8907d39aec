"""The recorded command lines: exit status and standard output, but for what is listed with its reason."""
import json
import pathlib
import re

import cases
import golden
import pytest
from conftest import GOLDEN, ROOT

ANSWERS = json.loads((GOLDEN / "answers/cli.json").read_text())
EXCUSED = json.loads((ROOT / "docs/compatibility-cli.json").read_text())


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    cases.cli_files(str(folder))
    return folder


NAMES = [name for name, _ in cases.cli_cases("F")]


def plain(text):
    """Without what depends on the machine: versions of Python and of packages; JSON documents in a canonical form."""
    text = re.sub(r"(python_?[vV]ersion\W+)[0-9.]+", r"\1<PYTHON>", text)
    text = re.sub(r"-py\d+", "-py<PYTHON>", text)
    text = re.sub(r"(?m)^\[<TIME>\].*\n", "", text)
    text = re.sub(r"(?<===)[0-9][0-9.]*", "<PACKAGE>", text)
    documents, decoder, rest = [], json.JSONDecoder(), text.strip()
    while rest.startswith("{"):
        try:
            value, end = decoder.raw_decode(rest)
        except ValueError:
            break
        documents.append(json.dumps(value, sort_keys=True))
        rest = rest[end:].strip()
    return "\n".join(documents + [line.rstrip() for line in rest.splitlines() if line.strip()])


def outcome(bentoml, home, files, name):
    words = dict(cases.cli_cases(str(files)))[name]
    done = bentoml(*words)
    out = golden.scrub(done.stdout, str(home), str(files))
    return done, out


@pytest.mark.parametrize("name", NAMES)
def test_command(name, bentoml, home, files):
    want = ANSWERS[name]
    done, out = outcome(bentoml, home, files, name)
    if name in EXCUSED:
        rule = EXCUSED[name]
        assert done.returncode == rule["exit"], rule["why"] + done.stderr
        for text in rule.get("stdout", []):
            assert text in out, rule["why"]
        for text in rule.get("stderr", []):
            assert text in done.stderr, rule["why"]
        return
    assert done.returncode == want["exit"], done.stderr
    assert plain(want["stdout"]) == plain(out)
    if done.returncode == 2:
        assert done.stderr.splitlines()[-1] == want["stderr"].splitlines()[-1]


def test_delete(bentoml, home, tmp_path):
    """delete removes row and folder; without -y and without a terminal it refuses."""
    import subprocess
    import sys

    from conftest import environment

    other = tmp_path / "home"
    env = environment(other)
    subprocess.run([sys.executable, "-W", "ignore", "-c", "import adapters; adapters.build().save(labels={'stage': 'test'})"], env=env, check=True)
    path = bentoml("get", "Adapters:latest", "--print-location", BENTOML_HOME=str(other)).stdout.strip()
    assert pathlib.Path(path).is_dir()
    assert "stage:test" in bentoml("list", BENTOML_HOME=str(other)).stdout
    assert "Adapters" in bentoml("list", "--labels", "stage in (test, prod)", BENTOML_HOME=str(other)).stdout
    assert "Adapters" not in bentoml("list", "--labels", "stage!=test", BENTOML_HOME=str(other)).stdout
    assert bentoml("delete", "Adapters", BENTOML_HOME=str(other)).returncode == 1
    assert pathlib.Path(path).is_dir()
    assert bentoml("delete", "Adapters", "-y", BENTOML_HOME=str(other)).returncode == 0
    assert not pathlib.Path(path).exists()
    assert bentoml("get", "Adapters:latest", BENTOML_HOME=str(other)).returncode == 1
