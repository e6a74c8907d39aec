"""`bentoml run`: one API of a bundle on inputs from the command line.

Started as `python -m bentoml._run <bundle> <api> [arguments…]`. Results go to stdout, everything else to stderr.
"""
import logging
import os
import sys


def main() -> int:
    bundle, api_name, *args = sys.argv[1:]
    level = {"quiet": logging.ERROR, "debug": logging.DEBUG}.get(os.environ.get("BENTO_RUN_LOG", ""), logging.WARNING)
    logging.basicConfig(level=level, format="[%(asctime)s] %(levelname)s - %(message)s", stream=sys.stderr)
    from bentoml.exceptions import BentoMLException
    from bentoml.saved_bundle import load_from_dir

    try:
        api = load_from_dir(bundle).get_inference_api(api_name)
        return api.handle_cli(args)
    except BentoMLException as e:
        print("Error: bentoml-cli run failed: %s" % e, file=sys.stderr)
        return 1
    except OSError as e:
        print("Error: bentoml-cli run failed: %s" % e, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
