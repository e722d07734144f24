"""The guide's search beside Material's own (lunr) and Pagefind: ``make bench WHAT=search``.

All three hold the same pages and answer the same queries in the same Chromium; a result counts by the page that it
leads to. "Answer" is the time from asking to the first result, "after the key" that from a key in the site's own
dialog to the first result that it shows. Pagefind loads its index in pieces, as a query needs them.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from scripts.bench import tools
from scripts.problems import ROOT
from scripts.render import mkdocs as render
from scripts.sources.catalog import LANGUAGES
from tests.site.rank import HELD_OUT, QUERIES, Guide, queries

PAGEFIND = "1.6.0"
FOLDER = tools.FOLDER / "search"
DRIVER = Path(__file__).with_name("search.js")
LARGEST = 150_000  # bytes of index
SLOWEST = 50  # milliseconds from a key to the first result, at the 95th percentile
FIRST, IN_THREE = 0.97, 0.99


@dataclass
class Engine:
    """What one search answered: for each query the pages found, best first, and the milliseconds that it took."""

    name: str
    weight: int
    found: dict[str, list[str]]
    times: list[float]


def packed(paths: list[Path]) -> int:
    """Bytes of files over the wire."""
    return sum(len(gzip.compress(path.read_bytes(), 9, mtime=0)) for path in paths)


def material(lang: str) -> Path:
    """Render one edition once more with Material's own index filled, as its default is; the rendered folder."""
    stage, here, out = ROOT / "build" / "stage" / lang, FOLDER / "stage" / lang, FOLDER / "material" / lang
    shutil.rmtree(here, ignore_errors=True)
    shutil.copytree(stage / "docs", here / "docs", ignore=shutil.ignore_patterns("reference"))
    for page in (here / "docs").rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace('search: {"exclude": true}\n', "", 1), encoding="utf-8")
    base = "mkdocs.yml" if lang == "en" else f"mkdocs.{lang}.yml"
    config = {
        "INHERIT": os.path.relpath(ROOT / base, here),
        "docs_dir": "docs",
        "site_dir": str(out),
        "strict": False,
        "theme": {"custom_dir": str(ROOT / "docs" / "theme")},
    }
    (here / "mkdocs.yml").write_text(json.dumps(config), encoding="utf-8")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--config-file", str(here / "mkdocs.yml")]
    done = subprocess.run(command, cwd=ROOT, env=render.environment(ROOT), capture_output=True, text=True, check=False)
    index = out / "search" / "search_index.json"
    if done.returncode or not json.loads(index.read_text(encoding="utf-8"))["docs"]:
        raise tools.Missing(f"Material's own index could not be made: {done.stderr[-400:]}")
    return out


def pagefind(lang: str, pages: set[str]) -> Path:
    """Pagefind's index over the articles of these pages; its folder."""
    package = tools.npm("pagefind", PAGEFIND)
    out = FOLDER / "pagefind" / lang
    shutil.rmtree(out, ignore_errors=True)
    edition = tools.SITE if lang == "en" else tools.SITE / lang
    for page in pages:
        (out / page).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(edition / page, out / page)
    command = ["node", str(package / "lib" / "runner" / "bin.cjs"), "--site", str(out), "--root-selector", "article"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise tools.Missing(f"Pagefind failed: {(done.stdout + done.stderr)[-400:]}")
    return out / "pagefind"


def ask(browser: Browser, address: str, engine: str, lang: str, asked: list[str], **options: Any) -> list[Any]:
    """Let one engine answer all queries in a page of its own: for each, [[addresses], milliseconds]."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(address + "blank.html")
    page.evaluate(DRIVER.read_text(encoding="utf-8"))
    call = f"([engine, lang, asked, options]) => {engine}(lang, asked, options)"
    answers: list[Any] = page.evaluate(call, [engine, lang, asked, options])
    context.close()
    return answers


def dialog(browser: Browser, address: str, lang: str, asked: list[str]) -> list[float]:
    """Milliseconds from the last key of each query to the first result that the site's own dialog shows."""
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.goto(f"{address}site/{'' if lang == 'en' else lang + '/'}optimizers/adam.html")
    page.wait_for_load_state("networkidle")
    page.evaluate(DRIVER.read_text(encoding="utf-8"))
    page.keyboard.press("/")
    page.keyboard.type("adam")
    page.locator(".md-search-result__link").first.wait_for()
    page.evaluate("watchKeys()")
    field = page.locator("[data-md-component='search-query']")
    times = []
    for query in asked:
        field.fill(query[:-1])
        page.wait_for_timeout(60)
        page.evaluate("forget()")
        page.keyboard.type(query[-1])
        times.append(float(page.evaluate("shown()")))
    context.close()
    return times


def measure(browser: Browser, address: str, lang: str, guide: Guide, asked: list[str]) -> list[Engine]:
    """The three engines over one edition."""
    pages = set(guide.columns["urls"])
    edition = tools.SITE if lang == "en" else tools.SITE / lang
    worker = next((edition / "assets" / "javascripts" / "workers").glob("search.*.min.js"))
    theirs, chunks = material(lang), pagefind(lang, pages)
    index = theirs / "search" / "search_index.json"
    data = json.loads(index.read_text(encoding="utf-8"))
    data["docs"] = [doc for doc in data["docs"] if doc["location"].partition("#")[0] in pages]
    index.write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    root = "" if lang == "en" else lang + "/"
    ours = {"worker": f"site/{root}assets/search/worker.js", "index": f"site/{root}search/search_index.json"}
    lunr = {
        "worker": f"site/{root}assets/javascripts/workers/{worker.name}",
        "index": f"material/{lang}/search/search_index.json",
    }
    found = []
    for name, engine, weight, options in (
        ("this guide", "byWorker", guide.weight, ours),
        ("Material's default", "byWorker", packed([index]), lunr),
        ("Pagefind", "byPagefind", packed([path for path in chunks.rglob("*") if path.suffix in PIECES]), {}),
    ):
        answers = ask(browser, address, engine, lang, asked, **options)
        urls = {query: list(dict.fromkeys(map(_page, urls))) for query, (urls, _) in zip(asked, answers, strict=True)}
        found.append(Engine(name, weight, urls, [time for _, time in answers]))
    return found


PIECES = {".pf_index", ".pf_meta", ".pf_filter", ".pf_fragment"}


def _page(url: str) -> str:
    """The page that a result leads to, relative to its edition."""
    plain = re.sub(r"^\.?/*", "", re.split("[?#]", url)[0])
    return re.sub(r"^pagefind/(en|zh)/", "", plain)


def shares(engine: Engine, wanted: list[tuple[str, list[str]]]) -> tuple[float, float]:
    """Shares of the queries whose right page came first, and among the first three."""

    def within(places: int) -> float:
        return sum(bool(set(engine.found[query][:places]) & set(right)) for query, right in wanted) / len(wanted)

    return within(1), within(3)


def percentile(times: list[float]) -> float:
    """The 95th."""
    return statistics.quantiles(times, n=20)[-1]


def report(lang: str, guide: Guide, engines: list[Engine], lists: dict[str, Any], keys: list[float]) -> bool:
    """Print one edition's table; whether the aims are met."""
    print(f"\n{lang}: {len({doc['url'] for doc in guide.docs})} pages; {tools.load()}")
    heads = "".join(f"{f'{name} ({len(wanted)})':>25}" for name, wanted in lists.items())
    print(f"{'':20}{heads}{'index':>12}{'answer, ms':>18}{'times the guide':>20}")
    heads = "".join(f"{'first':>14}{'in three':>11}" for _ in lists)
    print(f"{'':20}{heads}{'kB gzip':>12}{'median':>10}{'95 %':>8}{'index':>12}{'95 %':>8}")
    mine = engines[0]
    for engine in engines:
        quality = "".join("{:>14.1%}{:>11.1%}".format(*shares(engine, wanted)) for wanted in lists.values())
        middle, last = statistics.median(engine.times), percentile(engine.times)
        size, slow = engine.weight / mine.weight, last / percentile(mine.times)
        cells = f"{engine.weight / 1000:12.1f}{middle:10.1f}{last:8.1f}{size:11.1f}x{slow:7.1f}x"
        print(f"{engine.name:20}{quality}{cells}")
    first, three = shares(mine, lists["tuned"])
    middle, last = statistics.median(keys), percentile(keys)
    print(f"after the key, in the dialog, {len(keys)} queries: median {middle:.1f} ms, 95 % {last:.1f} ms")
    met = first >= FIRST and three >= IN_THREE and last < SLOWEST and mine.weight <= LARGEST
    aims = f"first {FIRST:.0%}, in three {IN_THREE:.0%}, 95 % in {SLOWEST} ms, {LARGEST // 1000} kB"
    print(f"aims ({aims}): {'met' if met else 'MISSED'}")
    return met


def main(arguments: list[str] | None = None) -> int:
    """Print the tables; 1 when an aim is missed."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench search", description=__doc__.partition("\n")[0])
    parser.add_argument("--misses", action="store_true", help="list the queries that the guide does not answer first")
    options = parser.parse_args(arguments)
    site = tools.site()
    if not (ROOT / "build" / "stage").is_dir():
        raise tools.Missing("there is no build/stage: run `make site` first")
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "blank.html").write_text('<!doctype html><meta charset="utf-8"><title>bench</title>\n', encoding="utf-8")
    (FOLDER / "site").unlink(missing_ok=True)
    (FOLDER / "site").symlink_to(site)
    met = True
    with tools.files_of(FOLDER) as address, tools.browser() as browser:
        for lang in LANGUAGES:
            guide = Guide(site if lang == "en" else site / lang)
            lists = {"tuned": queries(guide, QUERIES), "held out": queries(guide, HELD_OUT)}
            asked = list(dict.fromkeys(query for wanted in lists.values() for query, _ in wanted))
            engines = measure(browser, address, lang, guide, asked)
            keys = dialog(browser, address, lang, [query for query in asked if len(query) > 1])
            met &= report(lang, guide, engines, lists, keys)
            if options.misses:
                for query, right in (pair for wanted in lists.values() for pair in wanted):
                    if not set(engines[0].found[query][:1]) & set(right):
                        print(f"  {query}: wanted {' | '.join(right)}, found {' '.join(engines[0].found[query][:3])}")
    return int(not met)
