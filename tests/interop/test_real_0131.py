"""Bundles and the local repository, in both directions, against the real BentoML 0.13.1 on CPython 3.8.

Two homes hold the same services under the same versions, one saved by each side; a third is shared. Every comparison is
between what both sides make of the same thing, not with a record.
"""
import json
import pathlib
import re

import pytest
import services
from bentoml import _core

LABELS = {
    "Portable": {"stage": "prod", "team": "red"},
    "Everything": {"stage": "test", "owner": "someone_else"},
    "Tuned": {"team": "blue-1"},
}
SPECS = [[name, "v1", LABELS.get(name)] for name in services.NAMES]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with the files that environments name; the working directory of whoever saves."""
    folder = tmp_path_factory.mktemp("desk")
    for name, text in services.FILES.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    return tmp_path_factory.mktemp("elsewhere")


@pytest.fixture(scope="module")
def homes(real, ours, desk, tmp_path_factory):
    """{"real": home, "ours": home}: SPECS saved by either, one after the other."""
    made = {side.name: tmp_path_factory.mktemp("home-" + side.name) for side in (real, ours)}
    for side in (real, ours):
        side.agent("save", SPECS, made[side.name], desk)
    return made


def bundle(home, name):
    version = "1.4.v1" if name == "Versioned" else "v1"
    return str(home / "repository" / name / version)


@pytest.fixture(scope="module")
def documents(real, homes, elsewhere):
    """{(side, service): bentoml.yml}, all read by the real one's YAML parser."""
    keys = [(side, name) for side in homes for name in services.NAMES]
    paths = [bundle(homes[side], name) + "/bentoml.yml" for side, name in keys]
    return dict(zip(keys, real.agent("yaml", paths, homes["real"], elsewhere)))


def flat(value, prefix=""):
    """{path: leaf} of a document; lists stay ordered."""
    if isinstance(value, dict) and value:
        return {k: v for key, item in value.items() for k, v in flat(item, "%s/%s" % (prefix, key)).items()}
    if isinstance(value, list) and value:
        return {k: v for i, item in enumerate(value) for k, v in flat(item, "%s/%d" % (prefix, i)).items()}
    return {prefix: value}


OWN_KEYS = {"/metadata/created_at", "/bentoml_core_version"}


@pytest.mark.parametrize("name", services.NAMES)
def test_bentoml_yml_is_the_same(name, documents):
    real, ours = (flat(documents[side, name]) for side in ("real", "ours"))
    assert {k: v for k, v in ours.items() if k not in OWN_KEYS} == {k: v for k, v in real.items() if k not in OWN_KEYS}


@pytest.mark.parametrize("name", services.NAMES)
def test_files_of_a_bundle_are_the_same(name, homes):
    """The same files; those that pip, conda and docker read have the same contents."""
    trees = {}
    for side, home in homes.items():
        root = pathlib.Path(bundle(home, name))
        trees[side] = {str(p.relative_to(root)): p for p in root.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    assert not set(trees["real"]) - set(trees["ours"])
    assert not set(trees["ours"]) - set(trees["real"])
    for path in ("requirements.txt", "python_version", "setup.sh", name + "/services.py"):
        if path in trees["real"]:
            assert trees["ours"][path].read_bytes() == trees["real"][path].read_bytes(), path
            assert trees["ours"][path].stat().st_mode & 0o100 == trees["real"][path].stat().st_mode & 0o100, path


@pytest.fixture(scope="module")
def loaded(real, ours, homes, elsewhere):
    """{(loader, saver, service): what came out}, loaded where the files of the environments are not."""
    results = {}
    for loader in (real, ours):
        keys = [(loader.name, saver, name) for saver in homes for name in services.NAMES]
        paths = [bundle(homes[saver], name) for _, saver, name in keys]
        results.update(zip(keys, loader.agent("load", paths, homes["real"], elsewhere)))
    return results


@pytest.mark.parametrize("name", services.NAMES)
@pytest.mark.parametrize("loader, saver", [("real", "ours"), ("ours", "real"), ("real", "real"), ("ours", "ours")])
def test_bundle_loads(loader, saver, name, loaded):
    got = loaded[loader, saver, name]
    assert "error" not in got, got["error"]
    assert got["name"] == name and got["version"] == ("1.4.v1" if name == "Versioned" else "v1")
    assert got["answer"] == services.ANSWERS.get(name, [name])
    assert got == loaded["real", "real", name]
    if name == "Everything":
        assert got["artifacts"]["model"] == ["SklearnModelArtifact", services.METADATA]


READ = [
    ["list"],
    ["list", "-o", "wide"],
    ["list", "-o", "json"],
    ["list", "-o", "yaml"],
    ["list", "--order-by", "name"],
    ["list", "--order-by", "name", "--ascending-order", "--limit", "3"],
    ["list", "--ascending-order"],
    ["list", "--limit", "2", "--offset", "3"],
    ["list", "--limit", "0"],
    ["list", "--offset", "8"],
    ["list", "--offset", "100"],
    ["list", "--labels", "stage=prod"],
    ["list", "--labels", "stage!=prod"],
    ["list", "--labels", "team!=red,stage!=test"],
    ["list", "--labels", "team"],
    ["list", "--labels", "team Exists"],
    ["list", "--labels", "team exists, stage=prod"],
    ["list", "--labels", "team In (red, blue-1)"],
    ["list", "--labels", "team in (blue-1)"],
    ["list", "--labels", "stage NotIn (test, dev)"],
    ["list", "--labels", "stage notin (prod), owner Exists"],
    ["list", "--labels", "nothing=here"],
    ["list", "--labels", ""],
    ["list", "--labels", "stage=prod=x"],
    ["list", "--labels", "stage="],
    ["list", "--labels", "stage!="],
    ["list", "--labels", "team In ()"],
    ["list", "--labels", "team In red"],
    ["list", "--labels", "exists"],
    ["list", "--labels", "a b c d"],
    ["get", "Everything"],
    ["get", "Everything", "-o", "wide"],
    ["get", "Everything", "--labels", "stage=prod"],
    ["get", "Everything", "--limit", "1", "--ascending-order", "-o", "json"],
    ["get", "Everything:v1"],
    ["get", "Everything:latest"],
    ["get", "Everything:LATEST"],
    ["get", "Everything:latest", "-o", "yaml"],
    ["get", "Everything:latest", "--print-location"],
    ["get", "Everything:v2"],
    ["get", "Everything:v1:v2"],
    ["get", "Nothing"],
    *[["get", name + ":latest", "-o", output] for name in services.NAMES if name != "Everything" for output in ("json", "yaml")],
    *[["info", name + ":latest"] for name in services.NAMES],
]


def canonical(words, text, home):
    """A table as cells without ages; YAML as text for the reader; JSON documents as values."""
    text = re.sub(r"(?m)^\[20\d\d-\d\d-\d\d .*\n", "", text)
    text = re.sub(r"\b\d+(\.\d+)? (second|minute)s?( and \d+(\.\d+)? seconds?)?", "<AGE>", text)
    if text.startswith("{"):
        documents, decoder = [], json.JSONDecoder()
        while text.strip():
            value, end = decoder.raw_decode(text.strip())
            documents.append(value)
            text = text.strip()[end:]
        return documents
    if words[-1] == "yaml":
        return [json.loads(_core.yaml_load(part)) for part in re.split(r"(?m)^(?=name: )", text) if part.strip()]
    rows = []
    for line in text.splitlines():
        cells = re.split("  +", line.strip())
        if len(cells) == 1 and ":" in cells[0] and rows:  # one more label; the real one has them in any order
            rows[-1][4] = "\n".join(sorted(rows[-1][4].split("\n") + cells))
        else:
            rows.append(cells)
    return rows


@pytest.fixture(scope="module")
def told(real, ours, homes, elsewhere):
    """{(teller, home, words): (exit, stdout)} of READ."""
    results = {}
    for saver, home in homes.items():
        for words, (code, out) in zip(READ, real.agent("cli", READ, home, elsewhere)):
            results["real", saver, tuple(words)] = (code, canonical(words, out, home))
        for words in READ:
            done = ours.run(home, *words, cwd=elsewhere)
            results["ours", saver, tuple(words)] = (done.returncode, canonical(words, done.stdout, home))
    return results


@pytest.mark.parametrize("words", READ, ids=" ".join)
@pytest.mark.parametrize("saver", ["real", "ours"])
def test_reading_commands_say_the_same(saver, words, told):
    real, ours = (told[teller, saver, tuple(words)] for teller in ("real", "ours"))
    assert ours[0] == real[0]
    assert ours[1] == real[1]


OTHERWISE = [
    # query, the real one's exit and services, ours
    ("stage = prod", (1, set()), (0, {"Portable"})),  # blanks around the sign are no error here
    ("team DoesNotExist", (0, {"Everything", "Portable"}), (0, set(services.NAMES) - {"Portable", "Tuned"})),  # there: has any other label
]


@pytest.mark.parametrize("query, want_real, want_ours", OTHERWISE)
def test_selectors_that_differ(query, want_real, want_ours, real, ours, homes, elsewhere):
    words = ["list", "--labels", query]
    code, out = real.agent("cli", [words], homes["real"], elsewhere)[0]
    assert (code, set(re.findall(r"(?m)^(\w+):\S*v1", out))) == want_real
    done = ours.run(homes["real"], *words)
    assert (done.returncode, set(re.findall(r"(?m)^(\w+):\S*v1", done.stdout))) == want_ours
