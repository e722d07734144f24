"""How fast the verifier is: ``python -m scripts.bench verify [PATH ...] [--rounds N] [--fastest N]``.

Medians of interleaved runs over the same snippets, and their ratios: one process a snippet, pytest with runpy in one
process, this verifier cold and warm. The floor is one import of torch plus the snippets'
own compute, shared by the cores. An experiment computes for seconds, whoever runs it, so the snippets to copy and
the experiments (``evidence*.py``) are measured apart; the last table adds the two.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scripts.bench.tools import Missing
from scripts.verify.discover import ROOT, Snippet, discover
from scripts.verify.environment import cores
from scripts.verify.jobs import environment

PYTEST = """
import runpy
import pytest

@pytest.mark.parametrize("file", {files!r})
def test_snippet(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(file, run_name="__main__")
"""


def recorded() -> dict[str, float]:
    """The seconds of each snippet in the last report of this checkout."""
    report = ROOT / "build" / "verification.json"
    if not report.exists():
        raise Missing("--fastest needs a report: run make verify first")
    return {result["path"]: result["seconds"] for result in json.loads(report.read_text())["results"]}


def timed(action: Callable[[], object]) -> float:
    """Seconds on the wall."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def each_by_itself(snippets: list[Snippet], jobs: int, folder: Path) -> None:
    """A new interpreter for every snippet, as many at a time as there are cores."""
    settings = environment(folder) | {"HOME": str(folder)}

    def run(snippet: Snippet) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as place:
            subprocess.run([sys.executable, "-W", "error", snippet.file], cwd=place, env=settings, capture_output=True)

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(run, snippets))


def under_pytest(snippets: list[Snippet], folder: Path) -> None:
    """One process that runs them all, one after the other."""
    test = folder / "test_snippets.py"
    test.write_text(PYTEST.format(files=[str(snippet.file) for snippet in snippets]))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, str(test)]
    subprocess.run(
        command, cwd=folder, env=environment(folder) | {"HOME": str(folder)}, capture_output=True, check=False
    )


def verified(snippets: list[Snippet], folder: Path, *options: str) -> float:
    """This verifier; the sum of what the snippets themselves took."""
    names = [str(snippet.file) for snippet in snippets]
    command = [sys.executable, "-m", "scripts.verify", *names, "--build", str(folder), *options]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    report = json.loads((folder / "verification.json").read_text())
    return sum(result["seconds"] for result in report["results"])


def measure(snippets: list[Snippet], jobs: int, folder: Path) -> dict[str, float]:
    """One round: seconds on the wall of each way, and of the floor."""
    importing = [sys.executable, "-c", "import torch"]
    imported = timed(lambda: subprocess.run(importing, env=environment(folder), check=True))
    compute: list[float] = []
    return {
        "one process a snippet": timed(lambda: each_by_itself(snippets, jobs, folder)),
        "pytest with runpy": timed(lambda: under_pytest(snippets, folder)),
        "this verifier, cold": timed(lambda: compute.append(verified(snippets, folder, "--no-cache"))),
        "this verifier, warm": timed(lambda: verified(snippets, folder)),
        "floor": imported + compute[0] / jobs,
    }


def table(title: str, seconds: dict[str, float]) -> str:
    """The ways, their seconds, and how these compare with a process for each and with the floor."""
    lines = [title, f"{'':28}{'seconds':>9}{'faster than one each':>23}{'times the floor':>18}"]
    for way, value in seconds.items():
        first = seconds["one process a snippet"] / value
        lines.append(f"{way:28}{value:9.2f}{first:22.1f}x{value / seconds['floor']:17.2f}x")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Print the tables, and each round's figures as soon as they are there."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench verify", description=__doc__.partition("\n")[0])
    parser.add_argument("paths", nargs="*", default=[str(ROOT / "snippets")], metavar="PATH")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fastest", type=int, metavar="N", help="only the N that computed least in the last report")
    options = parser.parse_args(arguments)
    jobs, chosen = cores(), discover(options.paths)
    if options.fastest:
        seconds = recorded()
        chosen = sorted(chosen, key=lambda snippet: seconds.get(snippet.path, math.inf))[: options.fastest]
    groups: dict[str, list[Snippet]] = {"to copy": [], "experiments": []}
    for snippet in chosen:
        groups["experiments" if snippet.file.stem.startswith("evidence") else "to copy"].append(snippet)
    groups = {name: snippets for name, snippets in groups.items() if snippets}
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in groups}
    for number in range(options.rounds):
        for name, snippets in groups.items():
            with tempfile.TemporaryDirectory() as folder:
                rounds[name].append(measure(snippets, jobs, Path(folder)))
            print(table(f"round {number + 1}, {name}", rounds[name][-1]), file=sys.stderr, flush=True)
    medians = {
        name: {way: statistics.median(each[way] for each in each_round) for way in each_round[0]}
        for name, each_round in rounds.items()
    }
    print(f"{jobs} cores, {options.rounds} interleaved rounds, load {os.getloadavg()[0]:.1f}; medians")
    for name, measured in medians.items():
        print(table(f"{len(groups[name])} snippets: {name}", measured))
    if len(medians) > 1:
        together = {way: sum(measured[way] for measured in medians.values()) for way in medians["to copy"]}
        print(table(f"{sum(map(len, groups.values()))} snippets: all, one group after the other", together))
    return 0
