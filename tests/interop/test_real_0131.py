"""Bundles and the local repository, in both directions, against the real BentoML 0.13.1 on CPython 3.8.

Two homes hold the same services under the same versions, one saved by each side; a third is shared. Every comparison is
between what both sides make of the same thing, not with a record.
"""
import json
import pathlib
import re
import socket
import subprocess
import time
import urllib.request

import pytest
import services
from bentoml import _core

LABELS = {
    "Portable": {"stage": "prod", "team": "red"},
    "Everything": {"stage": "test", "owner": "someone_else"},
    "Tuned": {"team": "blue-1"},
}
NAMES = [*services.NAMES, "Inferred"]
SPECS = [["inferred.Inferred" if name == "Inferred" else name, "v1", LABELS.get(name)] for name in NAMES]


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
    keys = [(side, name) for side in homes for name in NAMES]
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


@pytest.mark.parametrize("name", NAMES)
def test_bentoml_yml_is_the_same(name, documents):
    if name == "Inferred":  # found by walking the imports, in no order there
        for side in ("real", "ours"):
            documents[side, name]["env"]["pip_packages"].sort()
    real, ours = (flat(documents[side, name]) for side in ("real", "ours"))
    assert {k: v for k, v in ours.items() if k not in OWN_KEYS} == {k: v for k, v in real.items() if k not in OWN_KEYS}


@pytest.mark.parametrize("name", NAMES)
def test_files_of_a_bundle_are_the_same(name, homes):
    """The same files; those that pip, conda and docker read have the same contents."""
    trees = {}
    for side, home in homes.items():
        root = pathlib.Path(bundle(home, name))
        trees[side] = {str(p.relative_to(root)): p for p in root.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    assert not set(trees["real"]) - set(trees["ours"])
    assert not set(trees["ours"]) - set(trees["real"])
    for path in ("requirements.txt", "python_version", "setup.sh", name + "/services.py", name + "/inferred.py", name + "/inferred_helper.py"):
        if path in trees["real"]:
            ours, real = (trees[side][path].read_bytes() for side in ("ours", "real"))
            if (name, path) == ("Inferred", "requirements.txt"):  # in no order there
                ours, real = (sorted(text.splitlines()) for text in (ours, real))
            assert ours == real, path
            assert trees["ours"][path].stat().st_mode & 0o100 == trees["real"][path].stat().st_mode & 0o100, path


@pytest.fixture(scope="module")
def loaded(real, ours, homes, elsewhere):
    """{(loader, saver, service): what came out}, loaded where the files of the environments are not."""
    results = {}
    for loader in (real, ours):
        keys = [(loader.name, saver, name) for saver in homes for name in NAMES]
        paths = [bundle(homes[saver], name) for _, saver, name in keys]
        results.update(zip(keys, loader.agent("load", paths, homes["real"], elsewhere)))
    return results


@pytest.mark.parametrize("name", NAMES)
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
    *[["get", name + ":latest", "-o", output] for name in NAMES if name != "Everything" for output in ("json", "yaml")],
    *[["info", name + ":latest"] for name in NAMES],
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
    ("team DoesNotExist", (0, {"Everything", "Portable"}), (0, set(NAMES) - {"Portable", "Tuned"})),  # there: has any other label
]


@pytest.mark.parametrize("query, want_real, want_ours", OTHERWISE)
def test_selectors_that_differ(query, want_real, want_ours, real, ours, homes, elsewhere):
    words = ["list", "--labels", query]
    code, out = real.agent("cli", [words], homes["real"], elsewhere)[0]
    assert (code, set(re.findall(r"(?m)^(\w+):\S*v1", out))) == want_real
    done = ours.run(homes["real"], *words)
    assert (done.returncode, set(re.findall(r"(?m)^(\w+):\S*v1", done.stdout))) == want_ours


# ---- running and serving ----

RUN = [
    ["run", "Portable:latest", "predict", "--input", '"a"', '"b"'],
    ["run", "Everything:v1", "predict", "--input", "[[6.3, 3.3, 6.0, 2.5]]"],
    ["run", "Everything:latest", "predict", "--format", "csv", "--input-file", "rows.csv"],
    ["run", "Everything:latest", "noted", "--input", "h\u00e9"],
    ["run", "Everything:latest", "missing", "--input", "1"],
    ["run", "Everything:v9", "predict", "--input", "1"],
]


def clean(out):
    return re.sub(r"(?m)^\[20\d\d-\d\d-\d\d .*\n", "", out)


@pytest.mark.parametrize("words", RUN, ids=lambda words: " ".join(words[:3]))
def test_run_says_the_same(words, real, ours, homes, elsewhere):
    (elsewhere / "rows.csv").write_text("a,b,c,d\n" + "".join(",".join(map(str, row)) + "\n" for row in services.ROWS))
    want = real.run(homes["real"], *words, cwd=elsewhere)
    for side, home in ((real, homes["ours"]), (ours, homes["real"]), (ours, homes["ours"])):
        done = side.run(home, *words, cwd=elsewhere)
        assert (done.returncode, clean(done.stdout)) == (want.returncode, clean(want.stdout)), (side.name, done.stderr)
    assert want.returncode or clean(want.stdout)


REQUESTS = [
    ("/predict", "application/json", json.dumps(services.ROWS)),
    ("/predict", "text/csv", "a,b,c,d\n6.3,3.3,6.0,2.5\n"),
    ("/v2/scaled", "application/json", "4"),
    ("/noted", "application/json", "text"),
]


def post(port, path, kind, body):
    url = "http://127.0.0.1:%d%s" % (port, path)
    request = urllib.request.Request(url, data=body.encode(), headers={"Content-Type": kind})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.status, answer.headers["Content-Type"], answer.read().decode()


def answers_of(side, home, cwd):
    """What `serve Everything:latest` of a side says to REQUESTS and about itself."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    command = [side.command, "serve-gunicorn", "Everything:latest", "--port", str(port), "--workers", "1"]
    with open(str(cwd / (side.name + ".log")), "w+b") as log:
        server = subprocess.Popen(command, env=side.environment(home), cwd=str(cwd), stdout=log, stderr=log)
        try:
            end = time.monotonic() + 60
            while True:
                try:
                    urllib.request.urlopen("http://127.0.0.1:%d/healthz" % port, timeout=5)
                    break
                except OSError:
                    log.seek(0)
                    assert server.poll() is None and time.monotonic() < end, log.read().decode()
                    time.sleep(0.05)
            with urllib.request.urlopen("http://127.0.0.1:%d/metadata" % port, timeout=20) as answer:
                about = json.loads(json.loads(answer.read()))
            return about, [post(port, *request) for request in REQUESTS]
        finally:
            server.terminate()
            server.wait(30)


def test_serve_says_the_same(real, ours, homes, elsewhere):
    """Each side serves the bundle that the other one saved."""
    (about_real, real_says), (about_ours, ours_say) = answers_of(real, homes["ours"], elsewhere), answers_of(ours, homes["real"], elsewhere)
    assert real_says == ours_say
    assert json.loads(ours_say[0][2]) == services.ANSWERS["Everything"][0]
    for about in (about_real, about_ours):
        about.pop("createdAt")
    assert about_real == about_ours


def test_bundles_of_another_interpreter(real, ours, default, tmp_path, desk):
    """What our wheel saved on the interpreter of the tests is loaded, listed and run on CPython 3.8 by the real one."""
    home = tmp_path / "home"
    paths = default.agent("save", [["Portable", None, {"stage": "prod"}], ["Versioned", "v1", None]], home, desk)
    for side in (real, ours):
        portable, versioned = side.agent("load", paths, home, tmp_path)
        assert portable.get("answer") == services.ANSWERS["Portable"], portable
        assert versioned.get("answer") == services.ANSWERS["Versioned"], versioned
        done = side.run(home, "run", "Portable:latest", "predict", "--input", '"b"')
        assert json.loads(clean(done.stdout)) == services.ANSWERS["Portable"][1], done.stderr
    commands = [["list"], ["list", "-o", "json"], ["get", "Portable:latest"], ["info", "Portable:latest"]]
    for words, (code, out) in zip(commands, real.agent("cli", commands, home, tmp_path)):
        done = ours.run(home, *words)
        assert code == done.returncode == 0
        assert canonical(words, done.stdout, home) == canonical(words, out, home)


VERSIONS = ["20261121082303_123456", "20261121082303_1E2345", "1_0", "1.10", "1e5", "0x1F", "0o17", "2021-01-01", "1.2.3-rc.1", "no", "Null", "-", ".5", "-.inf"]


def test_versions_that_look_like_something_else(real, ours, desk, tmp_path):
    """A version is text to either side, whoever wrote it: the automatic ones are numbers now and then."""
    for saver, reader in ((real, ours), (ours, real)):
        home = tmp_path / saver.name
        home.mkdir()
        paths = saver.agent("save", [["Portable", version, None] for version in VERSIONS], home, desk)
        assert [got.get("version") for got in reader.agent("load", paths, home, tmp_path)] == VERSIONS
        commands = [["info", "Portable:" + version] for version in VERSIONS]
        for version, words, (code, out) in zip(VERSIONS, commands, real.agent("cli", commands, home, tmp_path)):
            done = ours.run(home, *words)
            assert code == done.returncode == 0, version
            assert canonical(words, out, home) == canonical(words, done.stdout, home)
            assert canonical(words, out, home)[0]["version"] == version


def test_versions_look_alike(real, ours, desk, tmp_path):
    """Without set_version: date, time and six hexadecimal digits, below the prefix of @ver."""
    for side in (real, ours):
        paths = side.agent("save", [["Portable", None, None], ["Versioned", None, None]], tmp_path, desk)
        assert re.fullmatch(r"20\d{12}_[0-9A-F]{6}", pathlib.Path(paths[0]).name)
        assert re.fullmatch(r"1\.4\.20\d{12}_[0-9A-F]{6}", pathlib.Path(paths[1]).name)


# ---- one home, two hands ----


def tags(side, home, cwd):
    """[tag, …] from newest to oldest."""
    words = ["list", "-o", "json"]
    out = side.agent("cli", [words], home, cwd)[0][1] if side.name == "real" else side.run(home, *words).stdout
    return ["%(name)s:%(version)s" % document for document in canonical(words, out, home)]


def folders(home):
    return sorted("%s:%s" % p.parts[-2:] for p in (home / "repository").glob("[A-Z]*/*"))


@pytest.fixture
def shared(real, ours, desk, tmp_path):
    """A home in which both have saved in turn."""
    home = tmp_path / "home"
    home.mkdir()
    real.agent("save", [["Portable", "r1", {"stage": "prod"}], ["Tuned", "r1", {"stage": "test"}]], home, desk)
    ours.agent("save", [["Portable", "o1", {"stage": "prod", "team": "red"}], ["Tuned", "o1", {"stage": "test"}]], home, desk)
    real.agent("save", [["Versioned", "r2", None]], home, desk)
    return home


ALL = ["Versioned:1.4.r2", "Tuned:o1", "Portable:o1", "Tuned:r1", "Portable:r1"]
DELETE = [
    (["Portable:r1"], {"Portable:r1"}),
    (["Portable:o1"], {"Portable:o1"}),
    (["Tuned:latest"], {"Tuned:o1"}),
    (["Tuned"], {"Tuned:o1", "Tuned:r1"}),
    (["Portable:r1,Tuned:o1,Versioned"], {"Portable:r1", "Tuned:o1", "Versioned:1.4.r2"}),
    (["--labels", "stage=prod"], {"Portable:o1", "Portable:r1"}),
    (["--labels", "stage!=prod"], {"Tuned:o1", "Tuned:r1"}),
    (["Portable", "--labels", "team Exists"], {"Portable:o1"}),
    (["--all"], set(ALL)),
]


@pytest.mark.parametrize("words, gone", DELETE, ids=lambda v: " ".join(v) if isinstance(v, list) else "")
@pytest.mark.parametrize("deleter", ["real", "ours"])
def test_deletions_are_seen_by_both(deleter, words, gone, real, ours, shared, tmp_path):
    assert tags(real, shared, tmp_path) == tags(ours, shared, tmp_path) == ALL
    done = {"real": real, "ours": ours}[deleter].run(shared, "delete", *words, "-y")
    assert done.returncode == 0, done.stdout + done.stderr
    left = [tag for tag in ALL if tag not in gone]
    assert tags(real, shared, tmp_path) == left
    assert tags(ours, shared, tmp_path) == left
    assert folders(shared) == sorted(left)


def test_versions_are_taken_once(real, ours, shared, desk):
    """Neither side saves a version that the other has; once deleted, either may save it again."""
    for side, other, taken in ((real, ours, "o1"), (ours, real, "r1")):
        with pytest.raises(AssertionError, match="already registered in repository"):
            side.agent("save", [["Portable", taken, None]], shared, desk)
        assert other.run(shared, "delete", "Portable:" + taken, "-y").returncode == 0
        side.agent("save", [["Portable", taken, None]], shared, desk)
    assert tags(real, shared, desk) == tags(ours, shared, desk) == ["Portable:r1", "Portable:o1", "Versioned:1.4.r2", "Tuned:o1", "Tuned:r1"]


@pytest.mark.parametrize("kind", ["read", "write"])
def test_ours_waits_for_a_lock_of_the_real_one(kind, real, ours, desk, tmp_path):
    """The real one holds the database for a while: ours waits."""
    home = tmp_path / "home"
    home.mkdir()
    real.agent("save", [["Portable", "r%d" % i, None] for i in range(3)], home, desk)
    holder = real.start("hold", [kind, 1.5], home, tmp_path)
    assert holder[0].stdout.readline() == "held\n"
    ours.agent("save", [["Portable", "o1", None]], home, desk)
    saved = time.time()
    released = real.finish(holder)
    assert saved > released
    assert tags(real, home, tmp_path) == tags(ours, home, tmp_path) == ["Portable:o1", "Portable:r2", "Portable:r1", "Portable:r0"]


def test_both_write_at_once(real, ours, shared, desk):
    """Three processes save at the same time, ours reads and deletes meanwhile; nothing is lost and nobody fails."""
    specs = {side.name: [["Portable", "%s-%d" % (side.name, i), {"saved-by": side.name}] for i in range(8)] for side in (real, ours)}
    second = [["Tuned", "more-%d" % i, None] for i in range(8)]
    started = [(side, side.start("save", spec, shared, desk)) for side, spec in ((real, specs["real"]), (ours, specs["ours"]), (ours, second))]
    reads = 0
    while any(process.poll() is None for _, (process, _) in started):
        assert ours.run(shared, "list", "-o", "json").returncode == 0
        reads += 1
    for side, run in started:
        side.finish(run)
    assert reads > 3
    want = {"%s:%s" % (name, version) for name, version, _ in specs["real"] + specs["ours"] + second} | set(ALL)
    assert set(tags(real, shared, desk)) == set(tags(ours, shared, desk)) == want
    assert set(folders(shared)) == want
    for side in (real, ours):
        words = ["list", "--labels", "saved-by=real", "-o", "json"]
        out = side.agent("cli", [words], shared, desk)[0][1] if side is real else side.run(shared, *words).stdout
        assert {d["version"] for d in canonical(words, out, shared)} == {"real-%d" % i for i in range(8)}
