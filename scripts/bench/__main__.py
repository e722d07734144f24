"""Runs the benches that are named, or all of them one after the other.

Options go to a bench that is named alone: ``python -m scripts.bench lighthouse --runs 1``.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

from scripts.bench.tools import Missing
from scripts.rows import BadReport

NAMES = ("verify", "search", "weight", "lighthouse", "rebuild", "entry")


def main(arguments: list[str] | None = None) -> int:
    """Print every bench's tables; 1 when one missed its aim or could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench", description=__doc__, add_help=False)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    chosen, options = parser.parse_known_args(arguments)
    if unknown := [name for name in chosen.names if name not in NAMES]:
        parser.error(f"no bench is called {', '.join(unknown)}; there are {', '.join(NAMES)}")
    if options and len(chosen.names) != 1:
        parser.error(f"name the one bench that {' '.join(options)} is for")
    failed = False
    for name in chosen.names or NAMES:
        print(f"\n{name} " + "-" * (79 - len(name)), flush=True)
        try:
            failed |= bool(import_module(f"scripts.bench.{name}").main(options))
        except Missing as lack:
            print(f"NOT MEASURED: {lack}", flush=True)
            failed = True
        except BadReport as lack:
            print(f"NOT MEASURED: {lack}; build first: make site", flush=True)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
