"""Figures of ours alone: decoding against pandas, the lone client against a call in the process, listing, memory, import.

Called by run.py in one run with the comparison; each figure is printed beside its limit.
"""
import json
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List

from peers import SERVICES, WORK, Server, run_quietly

BUNDLES = 1000


@dataclass
class Figure:
    """One line of the report. `limit` is what it should be at most, or at least when `at_least`."""

    name: str
    value: float
    unit: str
    limit: float
    at_least: bool = False

    def good(self) -> bool:
        """Whether the limit is kept."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def inside(server: Server, script: str, *args: str) -> Dict[str, float]:
    """Runs a script of services/ with the server's interpreter; it prints one JSON object."""
    return json.loads(run_quietly([str(server.interpreter()), str(SERVICES / script), *args], server.environment(), 300).splitlines()[-1])


def call_inside(server: Server) -> float:
    """The user function on a ready frame, called in a process of its own: median in microseconds."""
    return inside(server, "call_inside.py", str(WORK / (server.name + "-bundle")))["p50_us"]


def best_ms(argv: List[str], env: Dict[str, str], times: int = 15) -> float:
    """The median of whole processes, in milliseconds."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        took.append((time.perf_counter() - began) * 1e3)
    return statistics.median(took)


def listing(server: Server) -> List[Figure]:
    """`bentoml list` in a home with a thousand bundles: the page that it shows, and all of them."""
    home = WORK / "list-home"
    env = dict(server.environment(), BENTOML_HOME=str(home))
    stamp = home / ".bundles"
    if not stamp.exists():
        run_quietly([str(server.interpreter()), str(SERVICES / "many_bundles.py"), str(BUNDLES)], env, 600)
        stamp.write_text(str(BUNDLES))
    page = best_ms([str(server.executable), "list"], env)
    every = best_ms([str(server.executable), "list", "--limit", str(BUNDLES)], env)
    return [Figure("bentoml list, %d bundles saved" % BUNDLES, page, "ms", 10),
            Figure("bentoml list --limit %d" % BUNDLES, every, "ms", 10)]


def importing(server: Server) -> Figure:
    """What `import bentoml` adds to an interpreter."""
    python, env = str(server.interpreter()), server.environment()
    bare = best_ms([python, "-c", "pass"], env)
    return Figure("import bentoml", best_ms([python, "-c", "import bentoml"], env) - bare, "ms", 60)


def resident_mb(pid: int) -> float:
    """Resident memory of one process."""
    for line in Path("/proc/%d/status" % pid).read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def measure(server: Server, summary: Dict[str, Dict[str, Dict[str, float]]], seen: Dict[str, float]) -> List[Figure]:
    """All figures; `seen` is what the load runs noted of the server process."""
    decode = inside(server, "decode_frames.py")
    figures = [Figure("1000x100 JSON frame, %s: times pandas.read_json" % orient, ratio, "x", 20, True) for orient, ratio in decode.items()]
    ours = summary.get("ours", {})
    if "above_us" in ours.get("1", {}):
        figures.append(Figure("lone client above the call in the process, p50", ours["1"]["above_us"], "us", 150))
    if "server_us" in seen:
        figures.append(Figure("server process without workers, CPU per request at %d connections" % seen["connections"], seen["server_us"], "us", 12))
    if "resident_mb" in seen:
        figures.append(Figure("server process without workers, resident", seen["resident_mb"], "MB", 20))
    floor = summary.get("echo", {})
    for conns, cell in summary.get("ours-http", {}).items():
        if conns in floor and int(conns) >= 8:
            figures.append(Figure("HTTP layer / bare epoll echo at %s connections" % conns, cell["rps"] / floor[conns]["rps"], "x", 0.85, True))
    return figures + listing(server) + [importing(server)]


def print_figures(figures: List[Figure]) -> None:
    """A markdown table."""
    print("\n| figure | measured | limit | |\n|---|---|---|---|")
    for f in figures:
        print("| %s | %.3g %s | %s %g %s | %s |" % (f.name, f.value, f.unit, ">=" if f.at_least else "<=", f.limit, f.unit, "" if f.good() else "missed"))


def attempt(what: Callable[[], List[Figure]]) -> List[Figure]:
    """A figure that cannot be taken says so and leaves the others alone."""
    try:
        return what()
    except Exception as reason:  # noqa: BLE001 (whatever a child process ends with)
        print("\nfigures left out: %s" % reason)
        return []
