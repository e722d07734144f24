"""How long builds and previews take: ``python -m scripts.bench.rebuild [--entries N] [--rounds N]``.

Over a copy of the guide whose snippets count as verified (see ``tree``). A preview's time runs from saving a file to
the moment that the local server answers with what the edit says.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.bench import tree
from scripts.sources import catalog as catalogs

PAGE, SHOWN = "docs/en/optimizers/adamw.md", "optimizers/adamw.html"
SNIPPET = "snippets/optimizers/adamw/use.py"
LEAD, PRINT = "**In short.**", '    print(f"loss below'
AIMS = {
    "make site, one page edited": "5 s",
    "make site, one snippet edited": "10 s",
    "serve, edited page shown": "0.5 s",
}
PATIENCE = 600.0  # seconds after which what is waited for will not come


def environment(root: Path) -> dict[str, str]:
    """As ``make`` sets it."""
    return {"OMP_NUM_THREADS": "1", **os.environ, "PYTHONPATH": str(root)}


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the wall, and of processor time in processes that ended meanwhile."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    action()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return time.perf_counter() - start, used


def build(root: Path) -> str:
    """``make site`` in the tree; what it printed.

    Raises:
        RuntimeError: when it did not publish.
    """
    command = [sys.executable, "-m", "scripts.build"]
    done = subprocess.run(command, cwd=root, env=environment(root), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout


def edit(path: Path, old: str, new: str) -> None:
    """Save a file with one passage replaced."""
    text = path.read_text(encoding="utf-8")
    if old not in text:
        raise RuntimeError(f"{path} does not hold {old!r}")
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@contextmanager
def serve(root: Path) -> Iterator[str]:
    """The preview of the tree; yields its address as soon as it has one."""
    command = [sys.executable, "-m", "scripts.preview.serve", "0"]
    with (
        (root / "build" / "serve.log").open("w") as log,
        subprocess.Popen(
            command, cwd=root, env=environment(root), stdout=subprocess.PIPE, stderr=log, text=True
        ) as run,
    ):
        try:
            for line in run.stdout or ():
                if line.startswith("{"):
                    yield json.loads(line)["serving"]
                    break
        finally:
            run.terminate()


def until_shown(address: str, words: str) -> None:
    """Ask for the page until it holds the words."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=60) as answer:
                if words in answer.read().decode():
                    return
        except urllib.error.URLError:
            pass
        time.sleep(0.02)
    raise RuntimeError(f"{address} never showed {words!r}")


def previews(root: Path, rounds: int) -> dict[str, list[float]]:
    """Seconds until the first page, until an edited page is shown, until an edited snippet's new output is."""
    first, page, snippet = "serve, first page", "serve, edited page shown", "serve, edited snippet shown"
    found: dict[str, list[float]] = {first: [], page: [], snippet: []}
    start = time.perf_counter()
    with serve(root) as address:
        until_shown(address + SHOWN, "</html>")
        found[first].append(time.perf_counter() - start)
        time.sleep(5)  # nobody edits in the first seconds; torch is imported meanwhile
        for number in range(rounds):
            words = f"edited once more, {number}"
            edit(root / PAGE, LEAD, f"{LEAD} {words}.")
            found[page].append(timed(lambda words=words: until_shown(address + SHOWN, words))[0])  # type: ignore[misc]
            time.sleep(4)
            words = f"printed once more, {number}"
            edit(root / SNIPPET, PRINT, f'    print("{words}")\n{PRINT}')
            shown = f"\n{words}\n"  # a line of the output; in the code it stands within quotes
            found[snippet].append(timed(lambda shown=shown: until_shown(address + SHOWN, shown))[0])  # type: ignore[misc]
            time.sleep(4)
    return found


def rows(root: Path, entries: int, rounds: int) -> Iterator[tuple[str, str, str, str]]:
    """Name, figure, processor time and aim of each measurement over a guide of at least ``entries`` entries."""
    tree.plant(root, entries)
    tree.prove(root)
    yield f"entries: {len(catalogs.load(root).techniques)}", "", "", ""
    for name, path, old, new in (
        ("cold build, snippets verified before", "", "", ""),
        ("make site, nothing changed", "", "", ""),
        ("make site, one page edited", PAGE, LEAD, f"{LEAD} Edited."),
        ("make site, one snippet edited", SNIPPET, PRINT, f'    print("edited")\n{PRINT}'),
    ):
        if path:
            edit(root / path, old, new)
        printed: list[str] = []
        wall, used = timed(lambda printed=printed: printed.append(build(root)))  # type: ignore[misc]
        yield name, f"{wall:.1f} s", f"{used:.1f} s", AIMS.get(name, "")
        stages = [line.split() for line in printed[0].splitlines() if line.endswith(" s") and line[0].islower()]
        if stages:
            yield "  its stages: " + ", ".join(f"{words[0]} {words[-2]}" for words in stages), "", "", ""
    for name, seconds in previews(root, rounds).items():
        most = f"{statistics.median(seconds):.1f} s" + (f" (most {max(seconds):.1f})" if len(seconds) > 1 else "")
        yield name, most, "", AIMS.get(name, "")


def main(arguments: list[str] | None = None) -> int:
    """Print the table; exit code 0 whatever the figures are."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.bench.rebuild", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--entries", type=int, default=300, help="at least so many, planted beside the real ones")
    parser.add_argument("--rounds", type=int, default=3, help="edits of each kind in the preview")
    options = parser.parse_args(arguments)
    print(f"| {'rebuild':68} | {'figure':>18} | {'processor':>9} | {'aim':>5} |")
    print(f"|{'-' * 70}|{'-' * 19}:|{'-' * 10}:|{'-' * 6}:|")
    with tempfile.TemporaryDirectory() as folder:
        for name, figure, used, aim in rows(Path(folder), options.entries, options.rounds):
            print(f"| {name:68} | {figure:>18} | {used:>9} | {aim:>5} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
