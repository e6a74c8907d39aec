"""What the repository must survive: careless commands, copied and moved homes, disks that are full or cannot be written."""
import pathlib
import shutil
import sqlite3
import subprocess
import sys

import pytest
from conftest import BIN, environment


def run(home, *words):
    return subprocess.run([BIN, *words], env=environment(home), capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)


@pytest.fixture()
def own(home, tmp_path):
    """A home of its own with both services; rows say where the bundles were saved."""
    path = tmp_path / "own"
    path.mkdir()
    for module in ("iris", "adapters"):
        code = "import %s; %s.build().save(labels={'stage': '%s'})" % (module, module, module)
        subprocess.run([sys.executable, "-W", "ignore", "-c", code], env=environment(path), check=True, cwd=str(tmp_path))
    return path


def bundles(home):
    return sorted(p.parent.name for p in pathlib.Path(home).glob("repository/*/*/bentoml.yml"))


@pytest.mark.parametrize("labels", ["", " ", "\t"])
def test_an_empty_selector_deletes_nothing(own, labels):
    done = run(own, "delete", "--labels", labels, "-y")
    assert done.returncode == 2 and "--labels is empty" in done.stderr
    assert len(bundles(own)) == 2


@pytest.mark.parametrize("labels", ["(((", "a b c", "é=1", "$x"])
def test_a_malformed_selector_deletes_nothing(own, labels):
    done = run(own, "delete", "--labels", labels, "-y")
    assert done.returncode == 1 and "Error: " in done.stderr
    assert len(bundles(own)) == 2


def test_deleting_from_a_copy_leaves_the_original(own, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(own, copy)
    done = run(copy, "delete", "--all", "-y")
    assert done.returncode == 0 and "left alone" in done.stderr
    assert bundles(copy) == [] and len(bundles(own)) == 2
    assert "IrisClassifier" not in run(copy, "list").stdout and "IrisClassifier" in run(own, "list").stdout


def test_a_moved_home_runs_its_own_bundles(own, tmp_path):
    moved = tmp_path / "moved"
    own.rename(moved)
    done = run(moved, "run", "IrisClassifier:latest", "predict", "--input", "[[5.1, 3.5, 1.4, 0.2]]")
    assert done.returncode == 0 and "[0]" in done.stdout, done.stderr
    assert run(moved, "delete", "IrisClassifier", "-y").returncode == 0
    assert len(bundles(moved)) == 1


def test_rows_that_name_other_folders_endanger_nothing(own, tmp_path):
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious").write_text("1")
    with sqlite3.connect(str(own / "storage.db")) as db:
        db.execute("UPDATE bentos SET uri = ?", (str(victim),))
    assert run(own, "delete", "--all", "-y").returncode == 0
    assert (victim / "precious").read_text() == "1" and bundles(own) == []


@pytest.fixture()
def small_disk(tmp_path):
    """A file system of 2 MB; needs the right to mount."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("mounting a file system is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_home_that_cannot_be_written_can_be_read(own, small_disk):
    shutil.copytree(own, small_disk / "home")
    with sqlite3.connect(str(small_disk / "home/storage.db")) as db:
        db.execute("PRAGMA journal_mode=WAL")  # as older homes are
    db.close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for words in (["list"], ["get", "IrisClassifier:latest"], ["run", "IrisClassifier:latest", "predict", "--input", "[[5.1, 3.5, 1.4, 0.2]]"]):
        done = run(small_disk / "home", *words)
        assert done.returncode == 0, (words, done.stderr)
    done = run(small_disk / "home", "delete", "--all", "-y")
    assert done.returncode == 1 and "Error: " in done.stderr and "Traceback" not in done.stderr


def test_a_full_disk_leaves_nothing_behind(small_disk):
    home = small_disk / "home"
    home.mkdir()
    code = (
        "import bentoml\n"
        "from bentoml.adapters import JsonInput\n"
        "from bentoml.service.artifacts.common import PickleArtifact\n"
        "@bentoml.artifacts([PickleArtifact('blob')])\n"
        "class Fat(bentoml.BentoService):\n"
        "    @bentoml.api(input=JsonInput(), batch=True)\n"
        "    def f(self, values):\n"
        "        return values\n"
        "import os\n"
        "s = Fat(); s.pack('blob', os.urandom(500_000)); s.save()\n"
    )
    (small_disk.parent / "fat.py").write_text(code)
    codes = [
        subprocess.run([sys.executable, "-W", "ignore", "fat.py"], env=environment(home), capture_output=True, text=True, cwd=str(small_disk.parent))
        for _ in range(6)
    ]
    saved = [c.returncode for c in codes].count(0)
    assert 1 <= saved < 6
    assert all("Errno 28" in c.stderr or "full" in c.stderr or "No space" in c.stderr for c in codes if c.returncode)
    assert len(bundles(home)) == saved
    folders = [p for p in (home / "repository").glob("*/*") if p.is_dir()]
    assert len(folders) == saved and not list((home / "repository").glob(".scratch-*"))
    assert run(home, "delete", "--all", "-y").returncode == 0 and bundles(home) == []
