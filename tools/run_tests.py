#!/usr/bin/env python3
"""Run every test stage, say what each took, and close with one line that counts them all.

Stages: checks of the tree, the C tests (debug and ASan+UBSan builds, TSan for the rings), the Python and end-to-end tests
against the installed wheel, the same bundles and homes in the hands of the real BentoML 0.13.1 and of ours, and the end-to-end
tests once more against the ASan server.
"""
import glob
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv/bin"
totals = {"passed": 0, "failed": 0, "skipped": 0}
reasons = []


def run(name, command, env=None, count=None):
    start = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=dict(os.environ, **(env or {})))
    out = done.stdout + done.stderr
    passed, failed, skipped = (count or plain)(out, done.returncode)
    if done.returncode and not failed:
        failed = 1
    totals["passed"] += passed
    totals["failed"] += failed
    totals["skipped"] += skipped
    print("%-34s %5.1f s  %d passed, %d failed, %d skipped" % (name, time.monotonic() - start, passed, failed, skipped), flush=True)
    if failed:
        print(out[-12000:], flush=True)
    return done.returncode == 0


def plain(_, code):
    return (0, 1, 0) if code else (1, 0, 0)


def no_test(_, code):
    return (0, 1, 0) if code else (0, 0, 0)


def ctest(out, _):
    match = re.search(r"(\d+) tests failed out of (\d+)", out)
    return (int(match.group(2)) - int(match.group(1)), int(match.group(1)), 0) if match else (0, 1, 0)


def pytest(out, _):
    summary = ([""] + re.findall(r"(?m)^.*\bin [0-9.]+s.*$", out))[-1]

    def number(word):
        return int((re.findall(r"(\d+) %s" % word, summary) or ["0"])[0])

    reasons.extend(sorted(set(re.findall(r"SKIPPED \[\d+\] (.*)", out))))
    return number("passed"), number("failed") + number("error"), number("skipped")


def preset(name, tests=None, env=None):
    """Configure, build and run one CMake preset."""
    ok = run("build (%s)" % name, ["bash", "-c", "cmake --preset %s && cmake --build --preset %s" % (name, name)], count=no_test)
    if ok:
        run("ctest (%s)" % name, ["ctest", "--preset", name, "-j2"] + (["-R", tests] if tests else []), env, ctest)
    return ok


def index_reachable():
    """Whether pip gets at PyPI, by the file that the tests against the real one cannot do without."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [str(VENV / "python"), "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-cache-dir", "--no-deps"]
        what = ["--only-binary=:all:", "--python-version", "3.8", "-d", folder, "bentoml==0.13.1"]
        return subprocess.run(pip + what, capture_output=True).returncode == 0


def skipped_though_here():
    """Whether a test was skipped for want of an interpreter or of packages that this machine can have."""
    guilty = False
    if "PyPI is out of reach" in "\n".join(reasons) and index_reachable():
        print("skipped although it is here: PyPI", file=sys.stderr)
        guilty = True
    for version in re.findall(r"CPython (\d\.\d+) is not on this machine", "\n".join(reasons)):
        pattern = os.path.expanduser("~/.pyenv/versions/%s.*/include/python%s*/Python.h" % (version, version))
        for header in glob.glob(pattern) + glob.glob("/usr/include/python%s/Python.h" % version):
            print("skipped although it is here: CPython %s (%s)" % (version, header), file=sys.stderr)
            guilty = True
    return guilty


def main():
    python = str(VENV / "python")
    preset("debug")
    run("lint", ["tools/lint.sh"])
    asan = preset("asan")
    preset("tsan", "runtime")
    flags = ["-rs", "-p", "no:cacheprovider"]
    run("python tests", [python, "-m", "pytest", *flags, "tests/python"], count=pytest)
    run("end-to-end (wheel)", [python, "-m", "pytest", *flags, "tests/e2e"], count=pytest)
    run("real BentoML 0.13.1", [python, "-m", "pytest", *flags, "tests/interop"], count=pytest)
    if asan:
        env = {
            "BENTO_BIN": str(ROOT / "build/asan/bentoml"),
            "BENTOML_PYTHON": python,
            "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0",
        }
        run("end-to-end (ASan server)", [python, "-m", "pytest", *flags, "tests/e2e", "-m", "not wheel"], env, pytest)
    print("skipped: " + ("; ".join(reasons) if reasons else "nothing"))
    print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % totals)
    if os.environ.get("BENTO_REQUIRE_SKIPPABLE") and skipped_though_here():
        return 1
    return 1 if totals["failed"] or not totals["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
