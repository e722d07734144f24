"""How fast the verifier is: ``python -m scripts.bench verify [PATH ...] [--rounds N]``.

Medians of interleaved runs over the same snippets, and their ratios: one process a snippet, pytest with runpy in one
process, this verifier cold and warm. The floor is one import of torch plus the snippets'
own compute, shared by the cores.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scripts.verify.cli import cores
from scripts.verify.discover import ROOT, Snippet, discover
from scripts.verify.engine import environment

PYTEST = """
import runpy
import pytest

@pytest.mark.parametrize("file", {files!r})
def test_snippet(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(file, run_name="__main__")
"""


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


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench verify", description=__doc__.partition("\n")[0])
    parser.add_argument("paths", nargs="*", default=[str(ROOT / "snippets")], metavar="PATH")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    snippets, number = discover(options.paths), cores()
    times: dict[str, list[float]] = {}
    compute: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def note(what: str, action: Callable[[], object]) -> None:
            times.setdefault(what, []).append(timed(action))

        for _ in range(options.rounds):
            importing = [sys.executable, "-c", "import torch"]
            note("import torch", lambda: subprocess.run(importing, env=environment(folder), check=True))  # noqa: B023
            note("one process a snippet", lambda: each_by_itself(snippets, number, folder))
            note("pytest with runpy", lambda: under_pytest(snippets, folder))
            note("this verifier, cold", lambda: compute.append(verified(snippets, folder, "--no-cache")))
            note("this verifier, warm", lambda: verified(snippets, folder))
    middle = {what: statistics.median(values) for what, values in times.items()}
    floor = middle["import torch"] + statistics.median(compute) / number
    rounds, load = options.rounds, os.getloadavg()[0]
    print(f"{len(snippets)} snippets, {number} cores, {rounds} interleaved rounds, load {load:.1f}; medians")
    print(f"{'':28}{'seconds':>9}{'faster than one each':>23}{'times the floor':>18}")
    for what, seconds in (middle | {"floor": floor}).items():
        first = middle["one process a snippet"] / seconds
        print(f"{what:28}{seconds:9.2f}{first:22.1f}x{seconds / floor:17.2f}x")
    return 0
