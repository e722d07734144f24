"""The reader of loss curves: what it says of each shape, and how often its rules say it of the planted runs.

The rules are those that the reader's browser runs, ``docs/theme/assets/reader/shapes.js``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import quickjs

from scripts.generate import html
from scripts.generate.addresses import entry_href
from scripts.generate.bugs import log
from scripts.generate.phrases import LOOKS, SHAPES, word
from scripts.generate.site import Site
from scripts.memory import remembered
from scripts.problems import ROOT
from scripts.sources import causes
from scripts.sources.pages import Entry

RULES = Path("docs/theme/assets/reader/shapes.js")
Counts = dict[str, Counter[str]]  # id of a symptom's page -> how many of its programs show which shape


def reader(site: Site, entry: Entry, lang: str) -> str:
    """HTML: a field for numbers, and for each shape what is said of it and the symptoms whose planted runs show it."""
    broken, cured = counted(site, "broken"), counted(site, "fixed")
    shapes = "\n".join(_shape(site, entry, name, broken, cured, lang) for name in SHAPES)
    field = (
        f'<form class="reader" hidden><label>{word("reader_field", lang)}'
        '<textarea name="numbers" rows="8" spellcheck="false"></textarea></label>'
        f'<label>{word("reader_file", lang)} <input type="file" accept=".csv,.tsv,.txt,.log"></label>'
        f'<p role="status" data-none="{word("reader_none", lang)}" data-few="{word("reader_few", lang)}"></p></form>'
    )
    return f'{field}\n<div class="shapes">\n{shapes}\n</div>\n'


def table(site: Site, entry: Entry, lang: str) -> str:
    """HTML table: of how many broken programs of each symptom, and of how many cures, the rules say which shape."""
    broken, cured = counted(site, "broken"), counted(site, "fixed")
    head = [word("symptom", lang), word("runs", lang), *(name(shape, lang) for shape in SHAPES), word("no_shape", lang)]
    pages = [page for page in site.catalog.techniques if causes.is_symptom(page)]
    rows = [
        [html.entry_link(page, entry.section, lang), *_cells(broken[page.id], len(causes.of(page)))] for page in pages
    ]
    runs = sum(len(causes.of(page)) for page in pages)
    rows.insert(0, [f"<strong>{word('all_broken', lang)}</strong>", *_cells(_sum(broken), runs)])
    rows.insert(1, [f"<strong>{word('all_cured', lang)}</strong>", *_cells(_sum(cured), runs)])
    return html.table(head, rows, class_="shape-counts")


def _cells(counts: Counter[str], runs: int) -> list[str]:
    return [str(runs), *(str(counts[shape] or "–") for shape in (*SHAPES, ""))]


def _sum(counts: Counts) -> Counter[str]:
    return sum(counts.values(), Counter[str]())


def _shape(site: Site, entry: Entry, shape: str, broken: Counts, cured: Counts, lang: str) -> str:
    shown = Counter({id_: counts[shape] for id_, counts in broken.items() if counts[shape]})
    links = "".join(
        f"<li>{html.link(entry_href(page, entry.section), html.text(page.title(lang)))} <small>{number}</small></li>"
        for page, number in ((site.catalog.by_id[id_], number) for id_, number in shown.most_common())
    )
    said = word("reader_seen", lang).format(_sum(broken)[shape], _sum(cured)[shape])
    says = html.attr(SHAPES[shape][lang])
    return (
        f'<details id="shape-{shape}" data-says="{says}"><summary>{name(shape, lang)}</summary>'
        f'<p class="says" hidden></p><p>{said}</p><ul>{links}</ul></details>'
    )


def name(shape: str, lang: str) -> str:
    """What a shape is called: as the picker calls it, where it is there."""
    return html.text(LOOKS[shape][lang] if shape in LOOKS else word(shape, lang))


@cache
def _rules() -> quickjs.Context:
    context = quickjs.Context()
    context.eval(
        (ROOT / RULES).read_text(encoding="utf-8") + "\nvar read = (text) => JSON.stringify(CurveShapes.read(text));"
    )
    return context


@remembered
def shapes(text: str) -> list[str]:
    """The shapes that the rules see in a log."""
    return [found["shape"] for found in json.loads(str(_rules().get("read")(text)))]


def counted(site: Site, role: str) -> Counts:
    """How often the rules say each shape of the programs of each symptom; "" counts those of which they say none."""
    found: Counts = {}
    for page in filter(causes.is_symptom, site.catalog.techniques):
        found[page.id] = Counter(shape for text in _logs(site, page, role) for shape in shapes(text) or [""])
    return found


def _logs(site: Site, page: Entry, role: str) -> Iterator[str]:
    for cause in causes.of(page):
        if program := causes.program(page, cause, role):
            yield log(site, program)
