"""`bentoml run`: one API of a bundle on inputs from the command line.

Started as `python -m bentoml._run <bundle> <api> [arguments…]`. Results go to stdout, everything else to stderr. Whatever the
user's modules do while they are imported, a failure ends with one line that says why and with status 1.
"""
import logging
import os
import sys
import traceback
from typing import Any, Callable, Sequence

_ABOVE = "what Python said about it stands above"


def _fail(why: object, hint: str = "") -> int:
    print("Error: bentoml-cli run failed: %s" % why, file=sys.stderr)
    if hint:
        print("hint: %s" % hint, file=sys.stderr)
    sys.stderr.flush()
    return 1


def _usage(why: str) -> int:
    print("Usage: bentoml run [OPTIONS] BENTO API_NAME [RUN_ARGS]...\nTry 'bentoml run --help' for help.\n\nError: %s" % why, file=sys.stderr)
    return 2


def _guarded_exit() -> Callable[[], None]:
    """Makes os._exit of this process an error until the returned function is called; forked children may use it."""
    original, process = os._exit, os.getpid()

    def guard(status: int) -> None:
        if os.getpid() == process:
            sys.stdout.flush()
            status = _fail("the service cannot be loaded: its code ended the process by os._exit(%r)" % (status,))
        original(status)

    def restore() -> None:
        os._exit = original  # type: ignore[assignment]

    os._exit = guard  # type: ignore[assignment]
    return restore


def _load_failure(error: BaseException, bundle: str) -> int:
    from bentoml.exceptions import BentoMLException

    reason = "%s: %s" % (type(error).__name__, " ".join(str(error).split())) if str(error) else type(error).__name__
    if isinstance(error, BentoMLException) and hasattr(error, "hint"):
        return _fail(error, error.hint)
    if isinstance(error, FileNotFoundError) and _inside(error.filename, bundle):
        return _fail("the service cannot be loaded: " + reason, "the bundle lacks this file: copy the whole folder again, or save it anew")
    traceback.print_exception(type(error), error, error.__traceback__, file=sys.stderr)
    return _fail("the service cannot be loaded: " + reason, _ABOVE)


def _inside(path: object, bundle: str) -> bool:
    return isinstance(path, str) and os.path.realpath(path).startswith(os.path.join(os.path.realpath(bundle), ""))


def _unknown_option(api: Any, words: Sequence[str]) -> str:
    """What is wrong with the first option that neither the adapters nor this command know, or ''."""
    known = api.cli_options()
    for word in words if known else ():
        name = word.split("=")[0]
        if word == "--":
            break
        if not name.startswith("-") or name == "-" or " " in word or name.lstrip("-.")[:1].isdigit():
            continue  # a value, as argparse sees it
        if name in known or (name.startswith("--") and any(k.startswith(name) for k in known)) or name[:2] in known:
            continue
        import difflib

        near = difflib.get_close_matches(name, known, 1)
        return "No such option: %s%s" % (name, " Did you mean %s?" % near[0] if near else "")
    return ""


def main() -> int:
    bundle, api_name, *args = sys.argv[1:]
    level = {"quiet": logging.ERROR, "debug": logging.DEBUG}.get(os.environ.get("BENTO_RUN_LOG", ""), logging.WARNING)
    logging.basicConfig(level=level, format="[%(asctime)s] %(levelname)s - %(message)s", stream=sys.stderr)
    from bentoml.exceptions import BentoMLException
    from bentoml.saved_bundle import load_from_dir

    restore = _guarded_exit()
    try:
        service = load_from_dir(bundle)
    except KeyboardInterrupt:
        raise
    except BaseException as e:  # noqa: BLE001 (user code may raise anything, SystemExit too)
        return _load_failure(e, bundle)
    finally:
        restore()
    try:
        api = service.get_inference_api(api_name)
        wrong = _unknown_option(api, args)
        return _usage(wrong) if wrong else api.handle_cli(args)
    except (BentoMLException, OSError) as e:
        return _fail(e)


if __name__ == "__main__":
    sys.exit(main())
