"""What a first visit of a page weighs over the wire, by kind: ``make bench WHAT=weight``.

Bodies as a host with gzip sends them; a figure is a part of its page, so its share is the difference that it makes.
"""

from __future__ import annotations

import argparse
import gzip
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Browser

from scripts.bench import tools

LARGEST = 150_000  # bytes, all together
PAGES = (
    "initialization/kaiming-init.html",
    "zh/initialization/kaiming-init.html",
    "optimizers/adam.html",
    "zh/optimizers/adam.html",
    "schedulers/cosine-annealing-lr.html",
    "zh/schedulers/cosine-annealing-lr.html",
    "index.html",
    "zh/index.html",
    "initialization/index.html",
    "zh/initialization/index.html",
    "schedulers/index.html",
    "torch.html",
)
KINDS = {".css": "css", ".js": "js", ".woff2": "fonts"}
COLUMNS = ("html", "figures", "css", "js", "fonts", "other")
FIGURE = re.compile(r'<figure class="evidence.*?<svg.*?</svg>', re.DOTALL)


def wire(data: bytes, suffix: str) -> int:
    """Bytes of a file's content as a host with gzip sends them; fonts are compressed already."""
    return len(data) if suffix == ".woff2" else min(len(data), len(gzip.compress(data, 9, mtime=0)))


def visited(browser: Browser, address: str, name: str) -> set[str]:
    """The files that a first visit of a page asks for, by their paths in the site."""
    asked: set[str] = set()
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.on("request", lambda request: asked.add(unquote(urlsplit(request.url).path).lstrip("/")))
    page.goto(address + name)
    page.wait_for_load_state("networkidle")
    context.close()
    return asked


def weigh(site: Path, name: str, asked: set[str]) -> dict[str, int]:
    """Bytes of each kind that the visit of one page asked for."""
    weights = dict.fromkeys(COLUMNS, 0)
    for file in asked:
        size = wire((site / file).read_bytes(), Path(file).suffix)
        weights["html" if file == name else KINDS.get(Path(file).suffix, "other")] += size
    text = (site / name).read_text(encoding="utf-8")
    bare = wire(FIGURE.sub("", text).encode(), ".html")
    weights["figures"] = weights["html"] - bare
    weights["html"] = bare
    return weights


def main(arguments: list[str] | None = None) -> int:
    """Print the table; 1 when a page is too heavy."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench weight", description=__doc__)
    parser.add_argument("pages", nargs="*", metavar="PAGE", default=PAGES, help="as in: optimizers/adam.html")
    options = parser.parse_args(arguments)
    site = tools.site()
    with tools.files_of(site) as address, tools.browser() as browser:
        table = {name: weigh(site, name, visited(browser, address, name)) for name in options.pages}
    print(f"kB (1000 bytes) over the wire with gzip at the first visit; at most {LARGEST / 1000:.0f} are allowed")
    print(f"{'':40}" + "".join(f"{column:>9}" for column in (*COLUMNS, "total")))
    for name, weights in table.items():
        total = sum(weights.values())
        cells = "".join(f"{size / 1000:9.1f}" for size in (*weights.values(), total))
        print(f"{name:40}{cells}{'' if total <= LARGEST else '  too heavy'}")
    return int(any(sum(weights.values()) > LARGEST for weights in table.values()))
