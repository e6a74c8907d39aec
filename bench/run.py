#!/usr/bin/env python3
"""Measures ours against its peers on the same model, body and machine.

Prints tables on stdout and writes build/bench.json; see bench/README.md for the method.
"""
import argparse
import json
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import figures
import peers
from peers import BUILD, ROOT, Server, Unavailable

START_TIMEOUT_S = 90
STOP_TIMEOUT_S = 15
QUIET = 0.05  # share of the machine's CPU that other processes may use unremarked
TICK = os.sysconf("SC_CLK_TCK")
Cells = Dict[str, Dict[int, List[Dict[str, float]]]]  # server, connections, repeats


# ---- processes ----


def process_table() -> Dict[int, Tuple[int, int, int, int]]:
    """Parent, session, CPU ticks (own and of reaped children) and start time of every process."""
    table = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            text = Path("/proc", entry, "stat").read_text()
        except OSError:
            continue
        fields = text[text.rindex(")") + 2:].split()
        table[int(entry)] = (int(fields[1]), int(fields[3]), sum(int(x) for x in fields[11:15]), int(fields[19]))
    return table


def tree_of(root: int) -> List[int]:
    """The root, its session and all descendants."""
    table = process_table()
    found = {pid for pid, row in table.items() if pid == root or row[1] == root}
    grown = True
    while grown:
        more = {pid for pid, row in table.items() if row[0] in found} - found
        found |= more
        grown = bool(more)
    return sorted(found)


def cpu_seconds(root: int) -> float:
    """CPU time of a process tree so far."""
    table = process_table()
    return sum(table[pid][2] for pid in tree_of(root) if pid in table) / TICK


def cpu_others(exclude: List[int]) -> float:
    """CPU time of everybody else: how quiet the machine was."""
    return sum(row[2] for pid, row in process_table().items() if pid not in exclude) / TICK


class Running:
    """A started server; stops it and all that it started."""

    def __init__(self, server: Server, port: int) -> None:
        self.server = server
        self.port = port
        log = peers.WORK / (server.name + ".log")
        self.log_path = log
        self.log = open(str(log), "wb")
        try:
            self.process = subprocess.Popen(
                server.fill(server.argv, port), env=server.environment(), stdin=subprocess.DEVNULL, stdout=self.log,
                stderr=subprocess.STDOUT, start_new_session=True, cwd=str(peers.WORK),
            )
        except OSError as error:
            self.log.close()
            raise Unavailable(str(error)) from error

    def ask(self) -> Tuple[int, str]:
        """Status and body of one request; (0, reason) when nobody answers."""
        request = urllib.request.Request(
            "http://127.0.0.1:%d%s" % (self.port, self.server.path),
            data=self.server.body.encode() if self.server.body else None,
            method=self.server.method, headers={"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read(200).decode(errors="replace")
        except (OSError, ValueError) as error:
            return 0, str(error)

    def wait_ready(self) -> None:
        """Until the measured request gets its right answer several times."""
        deadline = time.monotonic() + START_TIMEOUT_S
        good = 0
        status, text = 0, ""
        while good < 5:
            if self.process.poll() is not None:
                raise Unavailable("ended with %d at start; see %s" % (self.process.returncode, self.log_path))
            if time.monotonic() > deadline:
                raise Unavailable("no right answer within %d s: %d %s" % (START_TIMEOUT_S, status, text[:80]))
            status, text = self.ask()
            right = status == 200 and (not self.server.answers or "".join(text.split()) == self.server.answers)
            good = good + 1 if right else 0
            if not right:
                time.sleep(0.1)

    def stop(self) -> None:
        """SIGTERM, then SIGKILL for what is left of the tree."""
        before = process_table()
        tree = tree_of(self.process.pid)
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            pass
        table = process_table()
        for pid in tree:
            # The same start time: the number was not given to another process meanwhile.
            if pid in table and pid in before and table[pid][3] == before[pid][3]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
        self.process.wait(STOP_TIMEOUT_S)
        self.log.close()


def port_free() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# ---- measuring ----


def own_seconds(pid: int) -> float:
    """CPU time of one process without its children."""
    fields = Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def load_run(running: Running, conns: int, seconds: float, warmup: float) -> Dict[str, float]:
    """One cell: load, and the server's CPU time between the marks the generator prints."""
    server = running.server
    argv = [str(BUILD / "release" / "bento_load"), "-c", str(conns), "-d", str(round(seconds * 1000)),
            "-w", str(round(warmup * 1000)),
            "-m", server.method, "-b", server.body, str(running.port), server.path]
    load = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    marks = []
    result: Optional[Dict[str, float]] = None
    assert load.stdout is not None
    try:
        for line in load.stdout:
            row = json.loads(line)
            if "counting" in row:
                tree = tree_of(running.process.pid) + [load.pid]
                marks.append((cpu_seconds(running.process.pid), cpu_others(tree), own_seconds(running.process.pid)))
            else:
                result = row
        load.wait(10)
    finally:
        if load.poll() is None:
            load.kill()
            load.wait()
    if result is None or len(marks) != 2:
        raise Unavailable("the load generator gave no result")
    answered = max(result["requests"], 1)
    result["cpu_us"] = (marks[1][0] - marks[0][0]) / answered * 1e6
    result["own_us"] = (marks[1][2] - marks[0][2]) / answered * 1e6
    result["resident_mb"] = figures.resident_mb(running.process.pid)
    result["other_cpu_share"] = max(marks[1][1] - marks[0][1], 0) / result["seconds"] / (os.cpu_count() or 1)
    return result


def measure(server: Server, options: argparse.Namespace, cells: Cells) -> None:
    """Starts a server, takes every number of connections once, stops it."""
    peers.prepare(server)
    running = Running(server, port_free())
    try:
        running.wait_ready()
        for conns in options.conns:
            beside = server.name == "ours" and conns == 1
            calls = [figures.call_inside(server)] if beside else []
            row = load_run(running, conns, options.seconds, options.warmup)
            if beside:
                calls.append(figures.call_inside(server))
                row["above_us"] = row["p50_us"] - statistics.mean(calls)
            cells[server.name][conns].append(row)
    finally:
        running.stop()


def measure_all(servers: List[Server], options: argparse.Namespace) -> Tuple[Cells, Dict[str, str]]:
    """Round-robin, so that a slow minute of the machine hits everybody alike."""
    cells: Cells = {s.name: {c: [] for c in options.conns} for s in servers}
    failed: Dict[str, str] = {}
    for repeat in range(options.repeats):
        turn = repeat % len(servers)
        for server in servers[turn:] + servers[:turn]:
            if server.name in failed:
                continue
            print("round %d of %d: %s" % (repeat + 1, options.repeats, server.name), file=sys.stderr)
            try:
                measure(server, options, cells)
            except Unavailable as reason:
                failed[server.name] = str(reason)
                print("%s left out: %s" % (server.name, reason), file=sys.stderr)
    return cells, failed


# ---- reporting ----


def middle(rows: List[Dict[str, float]], key: str) -> float:
    """Median over the repeats; 0 without any."""
    return statistics.median(row[key] for row in rows) if rows else 0.0


def spread(rows: List[Dict[str, float]], key: str) -> float:
    """(largest - smallest) / median."""
    values = [row[key] for row in rows]
    half = statistics.median(values) if values else 0
    return (max(values) - min(values)) / half if half else 0.0


def summarize(cells: Cells) -> Dict[str, Dict[str, Dict[str, float]]]:
    """Medians per server and number of connections."""
    summary: Dict[str, Dict[str, Dict[str, float]]] = {}
    for name, by_conns in cells.items():
        summary[name] = {}
        for conns, rows in by_conns.items():
            if not rows:
                continue
            cell = {key: middle(rows, key) for key in ("rps", "p50_us", "p99_us", "cpu_us", "own_us", "resident_mb")}
            if "above_us" in rows[0]:
                cell["above_us"] = middle(rows, "above_us")
            cell["rps_spread"] = spread(rows, "rps")
            cell["non_200"] = sum(row["non_200"] + row["failed"] for row in rows)
            cell["repeats"] = len(rows)
            cell["others"] = max(row["other_cpu_share"] for row in rows)
            summary[name][str(conns)] = cell
    return summary


def ratios(summary: Dict[str, Dict[str, Dict[str, float]]], left: str, right: str) -> Dict[str, Dict[str, float]]:
    """How many times better `left` is: rate up, latency and CPU down."""
    result = {}
    for conns, ours in summary.get(left, {}).items():
        theirs = summary.get(right, {}).get(conns)
        if not theirs:
            continue
        result[conns] = {
            key: (ours[key] / theirs[key] if key == "rps" else theirs[key] / ours[key]) if ours[key] and theirs[key]
            else 0.0
            for key in ("rps", "p50_us", "p99_us", "cpu_us")
        }
    return result


def ratio_pairs(names: List[str]) -> List[Tuple[str, str]]:
    """Ours against every peer, or the real 0.13 as the measure while ours is not there."""
    base = "ours" if "ours" in names else "bentoml-0.13"
    pairs = [(base, name) for name in names if name not in (base, "ours", "ours-http", "echo")]
    if "ours-http" in names and "echo" in names:
        pairs.append(("ours-http", "echo"))
    return pairs


def print_report(report: Dict[str, Any]) -> None:
    """Markdown tables."""
    noisiest = 0.0
    print("\n| server | connections | requests/s | spread | p50 ms | p99 ms | CPU us/request | not 200 | others' CPU |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, by_conns in report["summary"].items():
        for conns, cell in by_conns.items():
            print("| %s | %s | %.0f | %.0f %% | %.2f | %.2f | %.4g | %d | %.0f %% |" % (
                name, conns, cell["rps"], 100 * cell["rps_spread"], cell["p50_us"] / 1e3, cell["p99_us"] / 1e3,
                cell["cpu_us"], cell["non_200"], 100 * cell["others"]))
            noisiest = max(noisiest, cell["others"])
    if noisiest > QUIET:
        print("\nThe machine was not quiet: others used up to %.0f %% of its CPU. Only large ratios are evidence."
              % (100 * noisiest))
    if report["ratios"]:
        print("\n| times better | connections | requests/s | p50 | p99 | CPU/request |")
        print("|---|---|---|---|---|---|")
    for pair, by_conns in report["ratios"].items():
        for conns, cell in by_conns.items():
            print("| %s | %s | %.2f | %.2f | %.2f | %.2f |" % (
                pair, conns, cell["rps"], cell["p50_us"], cell["p99_us"], cell["cpu_us"]))
    for name, reason in report["left_out"].items():
        print("\nleft out: %s: %s" % (name, reason))


def machine() -> Dict[str, Any]:
    """What the numbers belong to."""
    model = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    commit = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True, check=False).stdout.strip()
    return {"cpus": os.cpu_count(), "cpu": model, "kernel": platform.release(), "load_before": os.getloadavg()[0],
            "commit": commit, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ours", metavar="BIN", help="our bentoml in its environment (default: this tree, installed into one made for it)")
    parser.add_argument("--servers", help="only these, separated by commas (all: %s, ours, ours-http, echo)"
                        % ", ".join(p.name for p in peers.peers()))
    parser.add_argument("--seconds", type=float, default=3.0, help="per cell and repeat (default 3)")
    parser.add_argument("--warmup", type=float, default=1.0, help="before each cell (default 1)")
    parser.add_argument("--repeats", type=int, default=3, help="rounds over all servers (default 3)")
    parser.add_argument("--conns", default="1,8,32,128", help="numbers of connections (default 1,8,32,128)")
    parser.add_argument("--json", default=str(BUILD / "bench.json"), help="where the result goes")
    options = parser.parse_args()
    options.conns = [int(c) for c in options.conns.split(",")]
    if options.repeats < 1 or not 0 < options.seconds <= 600 or min(options.conns) < 1 or max(options.conns) > 4096:
        parser.error("out of range")
    return options


def servers_chosen(options: argparse.Namespace) -> List[Server]:
    """All servers that are wanted and, for ours, there."""
    found = peers.peers()
    executable = Path(options.ours).absolute() if options.ours else peers.OURS
    if options.ours and not executable.exists():
        sys.exit("bench: '%s' is not there" % options.ours)
    found = peers.ours(executable) + found
    echo = peers.echo()
    if any(s.name == "ours-http" for s in found):  # the same request for both
        http = next(s for s in found if s.name == "ours-http")
        echo.path, echo.method, echo.body = http.path, http.method, http.body
    found.append(echo)
    if not options.servers:
        return found
    names = options.servers.split(",")
    unknown = set(names) - {s.name for s in found}
    if unknown:
        sys.exit("bench: no server '%s'" % "', '".join(sorted(unknown)))
    return [s for s in found if s.name in names]


def build_tools() -> None:
    """The load generator and the echo server."""
    peers.run_quietly(["cmake", "-S", str(ROOT), "--preset", "release"])
    peers.run_quietly(["cmake", "--build", str(BUILD / "release"), "--target", "bento_load", "bento_echo"])


def main() -> int:
    """Installs, measures, reports."""
    options = arguments()
    about = machine()
    servers = []
    left_out: Dict[str, str] = {}
    versions: Dict[str, str] = {}
    for server in servers_chosen(options):
        try:
            peers.install(server)
            versions[server.name] = peers.version_of(server)
            servers.append(server)
        except Unavailable as reason:
            left_out[server.name] = str(reason)
    try:
        build_tools()
    except Unavailable as reason:
        sys.exit("bench: %s" % reason)
    if not servers:
        sys.exit("bench: nothing to measure: %s" % left_out)
    cells, failed = measure_all(servers, options)
    left_out.update(failed)
    summary = summarize(cells)
    report = {
        "machine": about, "versions": versions, "workers": peers.WORKERS, "body": peers.BODY,
        "seconds": options.seconds, "repeats": options.repeats, "summary": summary,
        "ratios": {"%s / %s" % pair: ratios(summary, *pair) for pair in ratio_pairs(list(summary))},
        "left_out": left_out,
        "runs": {name: {str(c): rows for c, rows in by.items()} for name, by in cells.items()},
    }
    rows: List[figures.Figure] = []
    mine = next((s for s in servers if s.name == "ours"), None)
    if mine and "ours" not in failed:
        most = str(max(options.conns))
        cell = summary["ours"][most]
        seen = {"connections": float(most), "server_us": cell["own_us"], "resident_mb": cell["resident_mb"]}
        rows = figures.attempt(lambda: figures.measure(mine, summary, seen))
        report["figures"] = [vars(f) for f in rows]
    Path(options.json).parent.mkdir(parents=True, exist_ok=True)
    Path(options.json).write_text(json.dumps(report, indent=1) + "\n")
    print("%(cpu)s, %(cpus)d CPUs, kernel %(kernel)s, commit %(commit)s, load before %(load_before).2f" % about)
    print(", ".join("%s %s" % pair for pair in versions.items() if pair[1]))
    print_report(report)
    figures.print_figures(rows)
    return 1 if "ours" in left_out else 0


if __name__ == "__main__":
    sys.exit(main())
