"""The search index of each edition: what docs/theme/assets/search finds pages, pitfalls and headings by.

An index holds what is said in its own language; for a query that uses the other one's letters the search asks the other
edition's index, too, in which the same page has the same number. Columns hold one thing of all pages, so that like
stands beside like; :mod:`packing` says how words are written. docs/dev/search.md tells the whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from scripts.generate import packing, search_terms
from scripts.generate.addresses import page_url
from scripts.generate.phrases import word
from scripts.sources import outline, pitfalls
from scripts.sources.catalog import Catalog
from scripts.sources.check_links import TASKS
from scripts.sources.pages import LANGUAGES, Entry
from scripts.sources.papers import Paper
from scripts.sources.pitfalls import Pitfall

PROSE = 16  # words of a page's own prose, beside those of its names, its phrases and its pitfalls


def files(catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Each edition's index, named by its content, and the small file that Material loads at start, which names both."""
    texts = {lang: _text(catalog, lang) for lang in LANGUAGES}
    names = {
        lang: f"search/index.{hashlib.sha256(text.encode()).hexdigest()[:10]}.json" for lang, text in texts.items()
    }
    for lang, folder, other in (("en", "", f"zh/{names['zh']}"), ("zh", "zh/", f"../{names['en']}")):
        yield f"{folder}{names[lang]}", texts[lang]
        config = {"lang": [lang], "separator": "[\\s]+", "pipeline": [], "fields": {}}
        config |= {"index": names[lang], "other": other}  # from the root of the edition
        yield f"{folder}search/search_index.json", json.dumps({"config": config, "docs": []}) + "\n"


def _text(catalog: Catalog, lang: str) -> str:
    return json.dumps(index(catalog, lang), ensure_ascii=False, separators=(",", ":")) + "\n"


@dataclass(frozen=True)
class Texts:
    """What one page says beyond its names: phrases by which it is asked for, its prose, and its pitfalls' words."""

    asked: list[frozenset[str]]
    prose: frozenset[str]
    pitfalls: list[frozenset[str]]

    @property
    def in_order(self) -> list[frozenset[str]]:
        """As ``unpack.js`` counts them."""
        return [frozenset().union(*self.asked), self.prose, *self.pitfalls]


def index(catalog: Catalog, lang: str) -> dict[str, Any]:
    """The columns of one edition."""
    entries = catalog.entries
    pairs = search_terms.Pairs(_everything(catalog, lang))
    texts = [_texts(catalog, entry, lang, pairs) for entry in entries]
    packed = packing.pack([text for page in texts for text in page.in_order])
    known = [key for key in catalog.papers if any(key in entry.facts("papers") for entry in entries)]
    hurdles = [pitfalls.of(entry, lang) for entry in entries]
    return {
        "lang": lang,
        "words": {"nearest": word("nearest", lang), "pitfalls": word("pitfalls", lang)},
        "vocabulary": packed.vocabulary,
        "where": packed.where,
        "urls": [page_url(entry, "en") for entry in entries],  # relative to the edition's root, the same in both
        "kinds": "".join("t" if entry.is_technique else "s" if entry.section else "p" for entry in entries),
        "titles": [entry.title(lang) for entry in entries],
        "summaries": [str(entry.pages[lang].meta["summary"]) for entry in entries],
        "names": [_row(_names(entry, lang)) for entry in entries],
        "torch": [_row(entry.facts("torch")) for entry in entries],
        "links": [len(catalog.related_to.get(entry.id, [])) for entry in entries],
        "papers": [_paper(catalog.papers[key], lang) for key in known],
        "cited": [[known.index(key) for key in entry.facts("papers") if key in known] for entry in entries],
        "asked": [packing.phrases(page.asked) for page in texts],
        "pitfalls": [_row(one.lead.rstrip(".。") for one in found) for found in hurdles],
        "errors": list(_errors(hurdles)),
        "headings": list(_headings(catalog, lang)),
    }


def _paper(paper: Paper, lang: str) -> list[Any]:
    """Title, authors and year; in Chinese the first author and the year, for titles are asked of the English index."""
    if lang == "zh":
        return ["", _row(paper.authors[:1]), paper.year]
    return [paper.title, _row(paper.authors), paper.year]


def _row(texts: Iterable[str]) -> str:
    return "|".join(text.replace("|", "/") for text in texts)


def _names(entry: Entry, lang: str) -> list[str]:
    """Names in the edition's language; in Chinese those English ones, too, that one word asks for."""
    names = [str(name) for name in entry.pages[lang].meta.get("aliases") or []] + entry.facts("says")
    if lang == "zh":
        english = [str(entry.en.meta["title"]), *map(str, entry.en.meta.get("aliases") or [])]
        names = [*english[:1], *names, *(name for name in english[1:] if " " not in name)]
    return [name for name in dict.fromkeys(names) if name not in entry.facts("torch")]


def _everything(catalog: Catalog, lang: str) -> Iterator[str]:
    for entry in catalog.entries:
        yield from (entry.title(lang), entry.pages[lang].body, *entry.asked[lang])


def _texts(catalog: Catalog, entry: Entry, lang: str, pairs: search_terms.Pairs) -> Texts:
    page = entry.pages[lang]
    said = [entry.title(lang), str(page.meta["summary"]), *_names(entry, lang)]
    names = {term for text in said for term in search_terms.terms(text)}
    asked = [frozenset(search_terms.phrase(text, pairs)) for text in entry.asked[lang]]
    hurdles = [_words(pitfall, pairs) for pitfall in pitfalls.of(entry, lang)]
    known = names.union(*asked, *hurdles)
    prose = (term for term in search_terms.prose(pitfalls.plain(page.body), pairs) if term not in known)
    return Texts(asked, frozenset(islice(prose, PROSE)), hurdles)


def _words(pitfall: Pitfall, pairs: search_terms.Pairs) -> frozenset[str]:
    return frozenset(search_terms.prose(pitfall.words, pairs)) - frozenset(search_terms.terms(pitfall.lead))


def _errors(hurdles: list[list[Pitfall]]) -> Iterator[list[Any]]:
    """Page, number of the pitfall, and the error's text, where the pitfall does not begin with it."""
    for page, found in enumerate(hurdles):
        for number, pitfall in enumerate(found):
            for error in pitfall.errors:
                if pitfalls.plain(error) not in pitfall.lead:
                    yield [page, number, pitfalls.plain(error)]


def _headings(catalog: Catalog, lang: str) -> Iterator[list[Any]]:
    """Page, anchor and text of each heading that not every entry has."""
    for number, entry in enumerate(catalog.entries):
        for mark in entry.pages[lang].of("heading"):
            if mark.level > 1 and mark.target not in outline.IDS:
                yield [number, mark.target, pitfalls.plain(mark.text)]
        if entry.en.name == TASKS:
            yield from ([number, task.id, task.names[lang]] for task in catalog.tasks)
