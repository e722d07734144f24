"""The pages as the site generator reads them: the author's text with every mark resolved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scripts import markup
from scripts.catalog import Catalog, Entry
from scripts.generate import chinese, figures, front_matter, html, report
from scripts.generate.facts import foot
from scripts.generate.svg import ArtifactError
from scripts.generate.words import word
from scripts.problems import Problem


def artifacts(verification: dict[str, Any], entry: Entry) -> dict[str, str]:
    """Name of each file that the entry's snippets left behind -> its path."""
    found: dict[str, str] = {}
    for snippet in entry.snippets:
        result = report.first(verification, snippet)
        for path in (result or {}).get("artifacts", []):
            found[path.rpartition("/")[2]] = path
    return found


def missing_artifacts(catalog: Catalog, verification: dict[str, Any]) -> Iterator[Problem]:
    """Figures and tables that a page shows and no snippet of the page saved, or that cannot stand on a page."""
    for entry in catalog.entries:
        have = artifacts(verification, entry)
        for page in entry.pages.values():
            for mark in page.of("embed"):
                if mark.target not in have:
                    remedy = f"The entry's snippets saved: {', '.join(sorted(have)) or 'nothing'}."
                    yield Problem(page.path, mark.line, f"no {mark.scheme} '{mark.target}' was drawn", remedy)
                elif wrong := _unfit(catalog, have, mark, page.lang):
                    remedy = (
                        "Let the snippet save it by matplotlib's savefig or Python's csv, and change nothing in it."
                    )
                    yield Problem(
                        page.path, mark.line, f"{mark.scheme} '{mark.target}' cannot be shown: {wrong}", remedy
                    )


def _unfit(catalog: Catalog, have: dict[str, str], mark: markup.Mark, lang: str) -> str:
    """Why a figure or table cannot stand on the page; what is drawn here is kept for the page."""
    try:
        _embed(catalog, have, mark, lang)
    except (ArtifactError, UnicodeDecodeError, OSError) as error:
        return str(error)
    return ""


def staged(catalog: Catalog, verification: dict[str, Any], results: dict[str, Any], entry: Entry, lang: str) -> str:
    """The page's Markdown for the site generator: front matter, body, and foot."""
    page = entry.pages[lang]
    have = artifacts(verification, entry)

    def render(mark: markup.Mark) -> str | None:
        if mark.kind == "include":
            return f'--8<-- "{entry.section or "site"}/{mark.target}"'
        if mark.kind == "claim":
            return _claim(mark, lang)
        if mark.kind == "cite":
            return _citation(catalog, entry, mark, lang)
        if mark.kind == "embed":
            return _embed(catalog, have, mark, lang)
        return None

    body = markup.replace(page.body, page.marks, render)
    if lang == "zh":
        body = chinese.joined(body)
    if entry.is_technique or entry.test in catalog.tests:
        body = body.rstrip("\n") + "\n\n" + foot(catalog, verification, results, entry, lang)
    return f"{front_matter.text(front_matter.of_entry(catalog, entry, lang))}\n{body}"


def _claim(mark: markup.Mark, lang: str) -> str:
    label = f"{word('proved_by', lang)} test_{mark.target}"
    proof = html.link(f"#proof-{mark.target}", "✓", class_="claim-mark", title=label, aria_label=label)
    return f'<span class="claim">{mark.text}{proof}</span>'


def _citation(catalog: Catalog, entry: Entry, mark: markup.Mark, lang: str) -> str:
    links = []
    for key in (part.strip()[1:] for part in mark.target.split(";")):
        paper = catalog.papers[key]
        target = f"{html.up(entry.section)}papers.html#{key}"
        links.append(html.link(target, html.text(paper.short(lang)), class_="cite", title=paper.title))
    return ("（{}）" if lang == "zh" else "({})").format(word("semicolon", lang).join(links))


def _embed(catalog: Catalog, have: dict[str, str], mark: markup.Mark, lang: str) -> str:
    text = (catalog.root / have[mark.target]).read_text(encoding="utf-8")
    if mark.scheme == "table":
        return figures.csv_table(text, mark.text)
    stem = mark.target.rpartition(".")[0]
    data = have.get(f"{stem}.csv")
    numbers = (catalog.root / data).read_text(encoding="utf-8") if data else None
    return figures.figure(text, numbers, stem, mark.text, mark.caption, lang)
