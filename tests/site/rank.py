"""The site's own ranking, run without a browser, and the queries that it must answer."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import quickjs
from playwright.sync_api import Browser

from scripts.problems import ROOT
from scripts.sources import causes, pitfalls
from scripts.sources.catalog import load

QUERIES = Path(__file__).with_name("queries.tsv")
HELD_OUT = Path(__file__).with_name("queries-held-out.tsv")
SCRIPTS = ROOT / "docs" / "theme" / "assets" / "search"
PARTS = ("vendor/minisearch.min.js", "words.js", "unpack.js", "names.js", "rank.js")


OPEN = "const guide = GuideSearch.open(own), both = GuideSearch.open(own, other)"
HITS = "GuideSearch.rank(asked(query), query).map((hit) => hit.doc.url)"
ASKED = "const asked = (text) => (GuideIndex.asksOther(own, text) ? both : guide)"


class Guide:
    """The indexes of a built site as one edition asks them, in the script that the browser's worker runs."""

    def __init__(self, edition: Path) -> None:
        stub = json.loads((edition / "search" / "search_index.json").read_text(encoding="utf-8"))["config"]
        self.data = (edition / stub["index"]).read_bytes()
        self.columns: dict[str, Any] = json.loads(self.data)
        self.context = quickjs.Context()
        for name in PARTS:
            self.context.eval((SCRIPTS / name).read_text(encoding="utf-8"))
        self._indexes = {"own": self.data.decode(), "other": (edition / stub["other"]).read_text(encoding="utf-8")}
        for name, text in self._indexes.items():
            self.context.set("text", text)
            self.context.eval(f"const {name} = JSON.parse(text)")
        self.context.eval(OPEN)
        self.context.eval(ASKED)
        self.docs: list[dict[str, Any]] = json.loads(self.context.eval("JSON.stringify(both.docs)"))

    @property
    def weight(self) -> int:
        """Bytes of the index over the wire."""
        return len(gzip.compress(self.data, 9, mtime=0))

    def rank(self, query: str) -> list[str]:
        """Addresses of the places found, best first, each with its anchor where it is not a whole page."""
        self.context.set("query", query)
        found: list[str] = json.loads(self.context.eval(f"JSON.stringify({HITS})"))
        return found

    def ranked(self, browser: Browser, asked: Iterable[str]) -> dict[str, list[str]]:
        """:meth:`rank` of many queries, in the browser, which is quicker at it."""
        page = browser.new_page()
        for name in PARTS:
            page.add_script_tag(content=(SCRIPTS / name).read_text(encoding="utf-8"))
        for name, text in self._indexes.items():
            page.add_script_tag(content=f"const {name} = {text}")
        page.add_script_tag(content=f"{OPEN}; {ASKED}")
        found: dict[str, list[str]] = page.evaluate(
            f"(queries) => Object.fromEntries(queries.map((query) => [query, {HITS}]))", list(asked)
        )
        page.close()
        return found

    def pages(self, query: str) -> list[str]:
        """Addresses of the pages found, best first."""
        return [url.partition("#")[0] for url in self.rank(query)]

    def answer(self, query: str) -> dict[str, Any]:
        """What the dialog would be told."""
        self.context.set("query", query)
        told: dict[str, Any] = json.loads(self.context.eval("JSON.stringify(GuideSearch.answer(asked(query), query))"))
        return told


def queries(guide: Guide, file: Path = QUERIES) -> list[tuple[str, list[str]]]:
    """Each query of a list with the addresses that are right for it; queries whose page is not written are left out."""
    by_id = {doc["url"].rpartition("/")[2].removesuffix(".html"): doc["url"] for doc in guide.docs if "in" not in doc}
    addresses = {doc["url"] for doc in guide.docs}
    places = _places()
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        query, wanted = line.split("\t")
        right: list[str] = []
        for one in wanted.split("|"):
            kind, _, name = one.partition(":")
            entry, _, anchor = one.partition("#")
            if kind == "symptom":
                right += [by_id[name]]
            elif kind == "section":
                right += addresses & {f"{name}/index.html"}
            elif anchor:
                right += [f"{by_id[entry]}#{places[one]}"] if entry in by_id else []
            else:
                right += [by_id[one]] if one in by_id else []
        if right:
            found.append((query, right))
    return found


def _places() -> dict[str, str]:
    """``id#anchor`` of each pitfall -> the number by which the index names it; of each cause, its anchor."""
    entries = load().techniques
    numbers = {
        f"{entry.id}#{pitfall.anchor}": f"pitfall-{number}"
        for entry in entries
        for number, pitfall in enumerate(pitfalls.of(entry, "en"), 1)
    }
    return numbers | {f"{entry.id}#{cause.id}": cause.id for entry in entries for cause in causes.of(entry)}


def answers(found: list[str], right: list[str]) -> bool:
    """Whether one of the places found is right: the very place, or any of a page that is wanted as a whole."""
    return any(url in right or url.partition("#")[0] in right for url in found)
