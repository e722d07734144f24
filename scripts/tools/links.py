"""Asks every paper and its archived copy whether they are still there: ``python -m scripts.tools.links CATALOG``.

The argument is the published ``catalog.json``. What does not answer is printed as Markdown, ready for an issue. Needs
the network, so it belongs to the weekly run and to no build.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

AGENT = "deep-learning-guide link check"
# Publishers that turn away programs: their answer says that the server is there, not that the page is.
REFUSALS = (401, 403, 405, 418, 429, 451, 999)


def links(catalog: object) -> dict[str, str]:
    """Address by address, the key of the paper that it belongs to."""
    entries = catalog if isinstance(catalog, list) else []
    found: dict[str, str] = {}
    for entry in entries:
        for paper in entry.get("papers", []):
            for name in ("url", "archive"):
                if paper.get(name):
                    found[paper[name]] = paper["key"]
    return found


def ask(url: str, patience: float = 30.0) -> str | None:
    """What is wrong with an address, or ``None``."""
    request = urllib.request.Request(url, headers={"User-Agent": AGENT}, method="GET")
    try:
        with urllib.request.urlopen(request, timeout=patience) as answer:
            answer.read(1)
    except urllib.error.HTTPError as error:
        return None if error.code in REFUSALS else f"answers {error.code}"
    except (OSError, ValueError) as error:
        return str(error) or type(error).__name__
    return None


def persistent(url: str, ask: Callable[[str], str | None] = ask, pauses: Iterable[float] = (5, 30)) -> str | None:
    """What is wrong with an address each time that it is asked."""
    problem = ask(url)
    for pause in pauses:
        if problem is None:
            return None
        time.sleep(pause)
        problem = ask(url)
    return problem


def check(catalog: object, check_one: Callable[[str], str | None] = persistent) -> list[str]:
    """A Markdown line for every dead link."""
    addresses = links(catalog)
    with ThreadPoolExecutor(8) as pool:
        problems = pool.map(check_one, addresses)
    return [
        f"- `{addresses[url]}`: <{url}> {problem}" for url, problem in zip(addresses, problems, strict=True) if problem
    ]


def main(arguments: list[str]) -> int:
    """Exit code: 0 all there, 1 some dead, 2 bad call."""
    try:
        catalog = json.loads(Path(arguments[0]).read_text())
    except (IndexError, OSError, ValueError) as error:
        print(f"usage: python -m scripts.tools.links site/catalog.json ({error})", file=sys.stderr)
        return 2
    dead = check(catalog)
    print("\n".join(dead) if dead else f"{len(links(catalog))} links, all there")
    return 1 if dead else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
