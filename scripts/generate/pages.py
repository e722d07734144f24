"""The pages as the site generator reads them: the author's text with every mark resolved and everything inlined."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from scripts.generate import addresses, chinese, figures, foot, front_matter, html, tables
from scripts.generate.phrases import word
from scripts.generate.site import Site
from scripts.generate.snippets import piece
from scripts.generate.svg import ArtifactError
from scripts.problems import Problem
from scripts.sources import marks, pitfalls
from scripts.sources.catalog import Catalog
from scripts.sources.labels import said
from scripts.sources.pages import Entry, Page

HOLDER = re.compile(r"^<!-- piece (\d+) -->$", re.MULTILINE)


def missing_artifacts(site: Site) -> Iterator[Problem]:
    """Figures and tables that a page shows and no snippet of the page saved, or that cannot stand on a page."""
    for entry in site.catalog.entries:
        have = site.artifacts(entry)
        for page in entry.pages.values():
            for mark in page.of("embed"):
                if mark.target not in have:
                    remedy = f"The entry's snippets saved: {', '.join(sorted(have)) or 'nothing'}."
                    yield Problem(page.path, mark.line, f"no {mark.scheme} '{mark.target}' was drawn", remedy)
                elif wrong := _unfit(site.catalog, have, page, mark):
                    remedy = (
                        "Let the snippet save it by matplotlib's savefig or Python's csv, and change nothing in it."
                    )
                    yield Problem(
                        page.path, mark.line, f"{mark.scheme} '{mark.target}' cannot be shown: {wrong}", remedy
                    )


def _unfit(catalog: Catalog, have: dict[str, str], page: Page, mark: marks.Mark) -> str:
    """Why a figure or table cannot stand on the page; what is drawn here is kept for the page."""
    try:
        _embed(catalog, have, page, mark)
    except (ArtifactError, UnicodeDecodeError, OSError) as error:
        return str(error)
    return ""


def staged(site: Site, entry: Entry, lang: str) -> str:
    """The page's Markdown for the site generator: front matter, body, and foot."""
    page = entry.pages[lang]
    have = site.artifacts(entry)
    pieces: list[str] = []

    def render(mark: marks.Mark) -> str | None:
        if mark.kind == "include":
            pieces.append(_included(site, entry, mark.target, lang))
            return f"<!-- piece {len(pieces) - 1} -->"
        if mark.kind == "claim":
            return _claim(mark, lang)
        if mark.kind == "cite":
            return _citation(site.catalog, entry, mark, lang)
        if mark.kind == "embed":
            return _embed(site.catalog, have, page, mark)
        if mark.kind == "pitfall":
            return page.body[mark.start : mark.end] + _place(mark)
        return None

    places = [
        marks.Mark("pitfall", one.anchor, one.line, one.start, one.end, text=str(number))
        for number, one in enumerate(pitfalls.of(entry, lang), 1)
    ]
    body = marks.replace(page.body, [*page.marks, *places], render)
    if lang == "zh":
        body = chinese.joined(body)
    body = HOLDER.sub(lambda match: pieces[int(match[1])], body)  # what was made is set as it is
    if entry.is_technique or entry.test in site.catalog.tests:
        body = body.rstrip("\n") + "\n\n" + foot.foot(site, entry, lang)
    return f"{front_matter.text(front_matter.of_entry(site.catalog, entry, lang))}\n{body}"


def _included(site: Site, entry: Entry, target: str, lang: str) -> str:
    """What ``--8<-- "target"`` stands for: a snippet of the entry's room, or a table of :mod:`tables`."""
    snippet = entry.snippet(target)
    if snippet:
        highlighted = [part for part in target.partition("#")[2].split(",") if part]
        return piece(site, entry, snippet, highlighted, lang)
    return tables.made(site, entry, target, lang)


def _place(mark: marks.Mark) -> str:
    """Where a pitfall begins: by its words, for links, and by its number, which says it briefly in the search index."""
    return f'<span id="pitfall-{mark.text}"><span class="pitfall" id="{mark.target}"></span></span>'


def _claim(mark: marks.Mark, lang: str) -> str:
    label = f"{word('proved_by', lang)} test_{mark.target}"
    proof = html.link(f"#proof-{mark.target}", "✓", class_="claim-mark", title=label, aria_label=label)
    return f'<span class="claim">{mark.text}{proof}</span>'


def _citation(catalog: Catalog, entry: Entry, mark: marks.Mark, lang: str) -> str:
    links = []
    for key in (part.strip()[1:] for part in mark.target.split(";")):
        paper = catalog.papers[key]
        target = f"{addresses.up(entry.section)}papers.html#{key}"
        links.append(html.link(target, html.text(paper.short(lang)), class_="cite", title=paper.title))
    return ("（{}）" if lang == "zh" else "({})").format(word("semicolon", lang).join(links))


def _embed(catalog: Catalog, have: dict[str, str], page: Page, mark: marks.Mark) -> str:
    say = partial(said, catalog.labels, lang=page.lang)
    text = (catalog.root / have[mark.target]).read_text(encoding="utf-8")
    if mark.scheme == "table":
        return figures.csv_table(text, mark.text, say)
    data = have.get(page.numbers_of(mark.target) or "")
    numbers = (catalog.root / data).read_text(encoding="utf-8") if data else None
    return figures.figure(text, numbers, mark.target.rpartition(".")[0], mark.text, mark.caption, page.lang, say)
