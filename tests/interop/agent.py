"""Runs inside an environment with either BentoML: `python agent.py WHAT RESULT ARGUMENT`, JSON in and out.

save: [[service, version, labels], …] -> [path, …]; a service may be module.Class    load: [path, …] -> what each bundle turned into
cli: [[word, …], …] -> [exit, stdout] of each, real one only    yaml: [path, …] -> documents, read by ruamel, real one only
hold: [read or write, seconds]: keeps the database locked that long, "held" on stdout once it is, real one only
"""
import json
import os
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def save(specs):
    import importlib

    paths = []
    for name, version, labels in specs:
        module, _, name = name.rpartition(".")
        service = importlib.import_module(module or "services").build(name)
        if version:
            service.set_version(version)
        paths.append(service.save(labels=labels) if labels else service.save())
    return paths


def described(path):
    import bentoml

    service = bentoml.load(path)
    return {
        "name": service.name,
        "version": service.version,
        "answer": service.answer(),
        "artifacts": {a.name: [type(a).__name__, dict(a.metadata)] for a in service.artifacts.values()},
    }


def load(paths):
    """Each in a process of its own: a bundle must bring its module, not find that of the one before."""
    import bentoml  # noqa: F401  (paid for once)

    sys.path.pop(0)
    results = []
    for path in paths:
        read, write = os.pipe()
        if os.fork() == 0:
            try:
                text = json.dumps(described(path))
            except BaseException:
                text = json.dumps({"error": traceback.format_exc()})
            with os.fdopen(write, "w") as f:
                f.write(text)
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as f:
            results.append(json.loads(f.read()))
        os.wait()
    return results


def cli(commands):
    from bentoml.cli import create_bentoml_cli
    from click.testing import CliRunner

    results = []
    for words in commands:
        done = CliRunner(mix_stderr=False).invoke(create_bentoml_cli(), words)
        if done.exit_code:
            print(words, done.stderr, "".join(traceback.format_exception(*done.exc_info)) if done.exc_info else "", flush=True)
        results.append([done.exit_code, done.stdout])
    return results


def yaml(paths):
    from bentoml.utils.ruamel_yaml import YAML

    results = []
    for path in paths:
        with open(path, "rb") as f:
            results.append(YAML().load(f.read()))
    return results


def hold(argument):
    import time

    from bentoml.configuration.containers import BentoMLContainer
    from bentoml.yatai.db import DB

    kind, seconds = argument
    database = DB(BentoMLContainer.yatai_database_url.get())
    with database.engine.connect() as connection:
        if kind == "write":
            transaction = connection.begin()
            connection.execute("UPDATE bentos SET deleted = deleted")
        else:
            rows = connection.execute("SELECT a.id FROM bentos a, bentos b, bentos c, bentos d").cursor
            rows.fetchone()
        print("held", flush=True)
        time.sleep(seconds)
        if kind == "write":
            transaction.commit()
    return time.time()


def plain(value):
    return value.decode() if isinstance(value, bytes) else str(value)


if __name__ == "__main__":
    result = {"save": save, "load": load, "cli": cli, "yaml": yaml, "hold": hold}[sys.argv[1]](json.loads(sys.argv[3]))
    with open(sys.argv[2], "w") as out:
        json.dump(result, out, default=plain)
