"""Tries experiments and claims as other processors round, and names those that hold only as this one does.

Run as ``python -m scripts.tools.other_cpus [NAME ...]``. Sums of floats are rounded in another order by each set of
instructions, and a training run amplifies that: a claim with a small margin holds on one machine and fails on the next.
Each name of ``CPUS`` is tried in a copy of the sources, with verdicts of its own, below ``build/copies/``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts import build, claims
from scripts.problems import ROOT, BuildError, Problem
from scripts.sources.catalog import load
from scripts.stage import Stage

# All draw the same random numbers, up to their last bits.
CPUS = {
    "older-x86": {"ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "COMPATIBLE", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "not-x86": {"ATEN_CPU_CAPABILITY": "default"},  # torch's loops as they are compiled where there is no AVX
}


def copy(root: Path, name: str) -> Path:
    """A copy of what git knows of the sources, in which the verdicts of before are kept."""
    folder = Stage(root).copy(name)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True).stdout
    files = {file for file in listed.split("\0") if (root / file).is_file()}
    for old in folder.rglob("*"):
        if old.is_file() and old.relative_to(folder).parts[0] != "build":
            old.unlink()
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / file, folder / file)
    return folder


def problems(root: Path) -> list[Problem]:
    """What does not pass here, of all snippets and of all tests of claims."""
    found: list[Problem] = []
    catalog = load(root)
    for stage in (lambda: build.verify(catalog, [], "cpu"), lambda: claims.run(catalog)):
        try:
            stage()
        except BuildError as error:
            found += error.problems
    return found


def main(arguments: list[str] | None = None) -> int:
    """Print what fails as each of the processors; 1 where anything does."""
    parser = argparse.ArgumentParser(prog="python -m scripts.tools.other_cpus", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CPUS))
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # in a copy, with its settings
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in CPUS]:
        parser.error(f"no processor is called {', '.join(unknown)}; there are {', '.join(CPUS)}")
    if options.here:
        found = problems(Path.cwd())
        print(*found, sep="\n")
        return int(bool(found))
    failed = False
    for name in options.names or CPUS:
        print(f"\n{name} " + "-" * (79 - len(name)), flush=True)
        command = [sys.executable, "-m", "scripts.tools.other_cpus", "--here"]
        environment = {**os.environ, **CPUS[name], "PYTHONPATH": "."}
        failed |= bool(subprocess.run(command, cwd=copy(ROOT, name), env=environment, check=False).returncode)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
