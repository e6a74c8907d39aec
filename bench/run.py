#!/usr/bin/env python3
"""The iris API in a closed loop: ours beside its peers, in one run. See README.md."""
import argparse
import glob
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/bench"
BODY = "[[5.1, 3.5, 1.4, 0.2]]"
CONNECTIONS = (1, 8, 32, 128)
OLD = (
    "bentoml==0.13.1 setuptools<60 pip<24 protobuf<3.19 Werkzeug<2.1 Flask<2.1 Jinja2<3.1 MarkupSafe<2.1 itsdangerous<2.1 SQLAlchemy<1.4 "
    "click<8.1 pandas<2 numpy<1.24 scikit-learn"
).split()
FASTAPI = """
import pickle, numpy as np
from fastapi import FastAPI, Request
app = FastAPI()
model = pickle.load(open(%r, "rb"))
@app.post("/predict")
async def predict(request: Request):
    return model.predict(np.asarray(await request.json())).tolist()
"""


def venv(name, python, packages):
    """A virtual environment with these packages, made once."""
    path = BUILD / ("venv-" + name)
    if not (path / ".ready").exists():
        shutil.rmtree(path, ignore_errors=True)
        subprocess.run([python, "-m", "venv", str(path)], check=True)
        subprocess.run([str(path / "bin/pip"), "install", "-q", "--disable-pip-version-check", *packages], check=True)
        (path / ".ready").touch()
    return path / "bin"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def tree(pid):
    """The process and all below it."""
    pids, known = [pid], {pid}
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            fields = open(stat).read().rsplit(")", 1)
        except OSError:
            continue
        known.add((int(fields[0].split()[0]), int(fields[1].split()[1])))
    parents = [k for k in known if isinstance(k, tuple)]
    for parent in pids:
        pids.extend(p for p, up in parents if up == parent)
    return pids


def cpu_seconds(pid):
    total = 0
    for p in tree(pid):
        try:
            fields = open("/proc/%d/stat" % p).read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        except OSError:
            pass
    return total / os.sysconf("SC_CLK_TCK")


def wait(port, process):
    request = urllib.request.Request("http://127.0.0.1:%d/predict" % port, BODY.encode(), {"Content-Type": "application/json"})
    for _ in range(600):
        if process.poll() is not None:
            sys.exit("a server ended with status %d" % process.returncode)
        try:
            return urllib.request.urlopen(request, timeout=5).read()
        except OSError:
            time.sleep(0.1)
    sys.exit("a server did not answer")


def load(port, connections, seconds, script):
    command = ["wrk", "-t1", "-c%d" % connections, "-d%ds" % seconds, "--latency", "-s", script, "http://127.0.0.1:%d/predict" % port]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    units = {"us": 1e-3, "ms": 1.0, "s": 1e3}

    def latency(percent):
        value, unit = re.search(r"%s%%\s+([0-9.]+)(us|ms|s)" % percent, out).groups()
        return float(value) * units[unit]

    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    return {
        "rps": float(re.search(r"Requests/sec:\s+([0-9.]+)", out).group(1)),
        "p50_ms": latency(50),
        "p99_ms": latency(99),
        "requests": int(re.search(r"(\d+) requests in", out).group(1)),
        "bad": int(bad.group(1)) if bad else 0,
    }


class Contender:
    """A command line that serves POST /predict on a port."""

    def __init__(self, name, command, env=None, cwd=None):
        self.name, self.command, self.env, self.cwd = name, command, env or {}, cwd

    def measure(self, seconds, script):
        port = free_port()
        command = [str(w).replace("PORT", str(port)) for w in self.command]
        log = open(BUILD / (self.name + ".log"), "wb")
        process = subprocess.Popen(command, env=dict(os.environ, **self.env), cwd=self.cwd, stdout=log, stderr=log, start_new_session=True)
        results = {}
        try:
            wait(port, process)
            load(port, 32, 2, script)
            for n in CONNECTIONS:
                before = cpu_seconds(process.pid)
                results[n] = load(port, n, seconds, script)
                results[n]["cpu_us"] = (cpu_seconds(process.pid) - before) / max(results[n]["requests"], 1) * 1e6
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        return results


def save_with(python, home):
    services = str(ROOT / "tests/golden/services")
    env = dict(os.environ, BENTOML_HOME=str(home), PYTHONPATH=services, BENTOML_DO_NOT_TRACK="True")
    subprocess.run([str(python), "-W", "ignore", "-c", "import iris; iris.build().save()"], env=env, check=True, stdout=subprocess.DEVNULL)
    return {"BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"}


def contenders(only, work):
    ours = ROOT / ".venv/bin"
    if "ours" in only:
        env = save_with(ours / "python", work / "ours")
        yield Contender("ours", [ours / "bentoml", "serve", "IrisClassifier:latest", "--port", "PORT", "--workers", "2"], env)
    if "fastapi" in only:
        here = venv("fastapi", sys.executable, ["fastapi", "uvicorn[standard]", "scikit-learn==1.3.2", "numpy<2"])
        model = work / "model.pkl"
        code = "import pickle; from sklearn import datasets, svm; d = datasets.load_iris(); pickle.dump(svm.SVC(gamma='scale').fit(d.data, d.target), open(%r, 'wb'))"
        subprocess.run([str(here / "python"), "-c", code % str(model)], check=True)
        (work / "app.py").write_text(FASTAPI % str(model))
        command = [here / "uvicorn", "app:app", "--host", "127.0.0.1", "--port", "PORT", "--workers", "2", "--log-level", "warning"]
        yield Contender("fastapi", command, cwd=str(work))
    old = sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.8.*/bin/python")))
    if "bentoml-0.13.1" in only and old:
        here = venv("bentoml-0.13.1", old[-1], OLD)
        env = save_with(here / "python", work / "old")
        command = [here / "bentoml", "serve-gunicorn", "IrisClassifier:latest", "--port", "PORT", "--workers", "2"]
        yield Contender("bentoml-0.13.1", command, dict(env, PATH="%s:%s" % (here, os.environ["PATH"])))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="ours,fastapi,bentoml-0.13.1")
    parser.add_argument("--seconds", type=int, default=5)
    args = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("bench: wrk is not installed (apt-get install wrk)")
    BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        script = work / "post.lua"
        script.write_text('wrk.method="POST"\nwrk.body=%s\nwrk.headers["Content-Type"]="application/json"\n' % json.dumps(BODY))
        results = {c.name: c.measure(args.seconds, str(script)) for c in contenders(args.only.split(","), work)}
    (BUILD / "results.json").write_text(json.dumps(results, indent=1))
    print("| server | " + " | ".join("%d conn: req/s, p50/p99 ms, CPU us" % n for n in CONNECTIONS) + " |")
    print("|---|" + "---|" * len(CONNECTIONS))
    for name, by in results.items():
        cells = ["%.0f, %.2f/%.2f, %.0f%s" % (r["rps"], r["p50_ms"], r["p99_ms"], r["cpu_us"], " (%d bad)" % r["bad"] if r["bad"] else "") for r in by.values()]
        print("| %s | %s |" % (name, " | ".join(cells)))
    for name, by in results.items():
        if name != "ours" and "ours" in results:
            print("ours / %s: " % name + ", ".join("%.1fx at %d" % (results["ours"][n]["rps"] / by[n]["rps"], n) for n in CONNECTIONS))


if __name__ == "__main__":
    main()
