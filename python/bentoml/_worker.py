"""A worker process: loads the service of a bundle and executes the server's jobs until it is told to stop.

Started by the server as `python -m bentoml._worker <bundle>` with the link's descriptors inherited (see bento/worker.h).
"""
import gc
import json
import os
import signal
import sys
import traceback
from typing import Any, Dict, List


def _hello(service: Any) -> Dict[str, Any]:
    import bentoml

    apis = [
        {
            "name": api.name,
            "route": api.route,
            "batch": api.batch,
            "mb_max_batch_size": api.mb_max_batch_size,
            "mb_max_latency": api.mb_max_latency,
            "methods": list(api.input_adapter.HTTP_METHODS),
        }
        for api in service.inference_apis
    ]
    return {
        "wire": 1,
        "version": bentoml.__version__,
        "python": sys.version.split()[0],
        "service": service.name,
        "service_version": service.version,
        "apis": apis,
    }


def _ordered(service: Any, bundle: str) -> List[Any]:
    """APIs in the order of bentoml.yml, which is the order the server counts in."""
    from bentoml.saved_bundle.loader import load_saved_bundle_config

    by_name = {api.name: api for api in service.inference_apis}
    return [by_name[item["name"]] for item in load_saved_bundle_config(bundle)["apis"]]


def _load(link: Any, bundle: str) -> Any:
    from bentoml._engine import Executor
    from bentoml._failures import FailureLog
    from bentoml.saved_bundle import load_from_dir

    service = load_from_dir(bundle)
    log = FailureLog()
    executors = [Executor(api, link, log) for api in _ordered(service, bundle)]
    if any(e.frames for e in executors):
        from bentoml import _pandas

        _pandas.prepare()
    return service, executors, log


def main(bundle: str) -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from bentoml import _core

    link = _core.Link()
    os.environ.pop("BENTO_LINK", None)
    try:
        service, executors, log = _load(link, bundle)
    except BaseException as e:  # noqa: BLE001 (user code may raise anything; the server tells the user)
        traceback.print_exc(file=sys.stderr)
        link.hello(json.dumps({"wire": 1, "error": "%s: %s" % (type(e).__name__, " ".join(str(e).split())[:250])}))
        return 1
    gc.collect()
    gc.freeze()  # what was loaded stays: collections need not look at it again
    link.hello(json.dumps(_hello(service)))
    while True:
        job = link.wait()
        if job is None:
            log.flush()
            return 0
        api, count = job
        executors[api].run(count)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
