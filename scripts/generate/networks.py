"""The story of architectures, and a table of networks: counted by their experiments, with published accuracies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from scripts.generate import html
from scripts.generate.phrases import word
from scripts.generate.recipes import lines_of, small, source
from scripts.generate.site import Site
from scripts.sources.pages import Entry

SECTIONS = ("architectures", "mobile")


def story(site: Site, entry: Entry, lang: str) -> str:
    """HTML list of the section's networks by year, each with the problem of the one before it that it solved."""
    told = [page for page in site.catalog.in_section(entry.section) if page.pages[lang].meta.get("solves")]
    ordered = sorted(told, key=lambda page: (page.en.meta.get("year", 0), page.id))
    return (
        '<ol class="timeline story">\n' + "\n".join(_told(page, entry.section, lang) for page in ordered) + "\n</ol>\n"
    )


def _told(page: Entry, section: str, lang: str) -> str:
    year = f'<span class="year">{page.en.meta.get("year", "")}</span>'
    solved = html.text(str(page.pages[lang].meta["solves"]))
    return f"<li>{year} <span>{html.entry_link(page, section, lang)}{word('colon', lang)}{solved}</span></li>"


def table(site: Site, entry: Entry, lang: str) -> str:
    """HTML table of every network that was counted: parameters, multiply-adds, published accuracy."""
    published = {accuracy.id: accuracy for accuracy in site.catalog.accuracies}
    rows = []
    for page, counted in _counted(site):
        accuracy = published.get(page.id)
        name = html.text(str(counted["network"]))
        rows.append(
            [
                lines_of(f"<strong>{name}</strong>", html.entry_link(page, entry.section, lang)),
                str(page.en.meta.get("year", "–")),
                f"{counted['parameters'] / 1e6:.2f}",
                f"{counted['multiply_adds'] / 1e9:.2f}",
                f"{accuracy.top1:.1f}" if accuracy else "–",
                lines_of(
                    source(site.catalog, accuracy.source, entry.section, lang) if accuracy else "–",
                    small("; ".join(_how(accuracy.network, accuracy.size, accuracy.note.get(lang), lang)))
                    if accuracy
                    else "",
                ),
            ]
        )
    head = [word(key, lang) for key in ("network", "year", "parameters_m", "multiply_adds_g", "top1", "published")]
    return html.table(head, rows, class_="networks")


def _how(network: str, size: int, note: str | None, lang: str) -> Iterator[str]:
    yield network
    if size != 224:
        yield word("pixels", lang).format(size)
    if note:
        yield note


def _counted(site: Site) -> Iterator[tuple[Entry, dict[str, Any]]]:
    """Each entry whose experiment counted a network, with the numbers that it saved."""
    for section in SECTIONS:
        for page in site.catalog.in_section(section):
            for name, path in site.artifacts(page).items():
                if name.endswith(".json"):
                    counted = json.loads((site.catalog.root / path).read_text(encoding="utf-8"))
                    if isinstance(counted, dict) and {"network", "parameters", "multiply_adds"} <= counted.keys():
                        yield page, counted
