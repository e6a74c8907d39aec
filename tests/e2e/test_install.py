"""`pip install .` into fresh virtual environments: the binary, the extension, the version; and what listing and importing cost."""
import glob
import os
import pathlib
import shutil
import subprocess

import pytest
from conftest import ROOT

pytestmark = pytest.mark.wheel


def interpreter(version):
    """A CPython of that version on this machine, or None."""
    found = glob.glob(os.path.expanduser("~/.pyenv/versions/%s.*/bin/python" % version))
    candidates = found + [p for p in (shutil.which("python" + version), "/usr/bin/python" + version) if p and os.path.exists(p)]
    for path in candidates:
        probe = "import sys, venv, ensurepip, sysconfig, os; assert os.path.exists(sysconfig.get_path('include') + '/Python.h'); print(sys.version_info[:2])"
        done = subprocess.run([path, "-c", probe], capture_output=True, text=True)
        if done.returncode == 0 and done.stdout.strip() == str(tuple(int(p) for p in version.split("."))):
            return path
    return None


@pytest.mark.parametrize("version", ["3.8", "3.11", "3.13"])
def test_fresh_environment(version, tmp_path):
    python = interpreter(version)
    if python is None:
        pytest.skip("CPython %s is not on this machine" % version)
    venv = tmp_path / "venv"
    subprocess.run([python, "-m", "venv", str(venv)], check=True)
    source = tmp_path / "source"
    ignore = shutil.ignore_patterns(".git", ".venv", "build", "__pycache__")
    shutil.copytree(str(ROOT), str(source), ignore=ignore)
    subprocess.run([str(venv / "bin/pip"), "install", "-q", "--disable-pip-version-check", str(source)], check=True, capture_output=True)
    assert subprocess.run([str(venv / "bin/bentoml"), "--version"], capture_output=True, text=True).stdout == "bentoml, version 2.0.0\n"
    code = "import bentoml, bentoml._core as c; print(bentoml.__version__, c.__version__, c.FrameDecoder().decode([(b'[[1,2.5]]', False)])[0][0][4][0][0])"
    done = subprocess.run([str(venv / "bin/python"), "-c", code], capture_output=True, text=True, cwd=str(tmp_path))
    assert done.stdout == "2.0.0 2.0.0 float64\n", done.stderr
    home = tmp_path / "home"
    (tmp_path / "plain.py").write_text(
        "import bentoml\nfrom bentoml.adapters import JsonInput\n\n\nclass Plain(bentoml.BentoService):\n"
        "    @bentoml.api(input=JsonInput(), batch=True)\n    def double(self, values):\n        return [v * 2 for v in values]\n"
    )
    env = dict(os.environ, BENTOML_HOME=str(home))
    env.pop("BENTOML_PYTHON", None)
    subprocess.run([str(venv / "bin/python"), "-c", "import plain; plain.Plain().save()"], check=True, cwd=str(tmp_path), env=env)
    run = [str(venv / "bin/bentoml"), "run", "Plain:latest", "double", "--input", "21"]
    assert subprocess.run(run, capture_output=True, text=True, env=env).stdout == "42\n"
    assert pathlib.Path(home, "storage.db").exists()
