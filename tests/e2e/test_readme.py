"""The README's tour: what it prints as the first service is written down, saved and asked as it stands there."""
import re
import subprocess
import sys
import textwrap

from conftest import ROOT, environment


def test_the_first_service(bentoml, tmp_path):
    tour = (ROOT / "README.md").read_text().split("## A tour")[1].split("## Serving")[0]
    blocks = [textwrap.dedent(b).strip() + "\n" for b in re.findall(r"(?m)(?:^    .*\n|^\n(?=    ))+", tour)]
    service, packing = (next(b for b in blocks if start in b) for start in ("class IrisClassifier", "service.save()"))
    (tmp_path / "iris_classifier.py").write_text(service)
    subprocess.run([sys.executable, "-c", packing], env=dict(environment(tmp_path), PYTHONPATH=""), cwd=str(tmp_path), check=True)
    words = re.search(r"(?m)^bentoml (run IrisClassifier:latest predict --input) '(.*)'$", "".join(blocks))
    done = bentoml(*words.group(1).split(), words.group(2), BENTOML_HOME=str(tmp_path), PYTHONPATH="")
    assert (done.returncode, done.stdout.strip()) == (0, "[0]"), done.stderr
