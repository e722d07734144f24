"""The story of architectures, and a table of networks: counted by their experiments, with published accuracies."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from typing import Any

from scripts.generate import html, timeline
from scripts.generate.phrases import word
from scripts.generate.recipes import lines_of, small, source
from scripts.generate.site import Site
from scripts.sources.accuracies import Accuracy
from scripts.sources.pages import Entry

SECTIONS = ("architectures", "mobile")
TIMES = "index-latency-measured.csv"
COUNTS = "index-latency.json"
USUAL = 224  # pixels of an image's side, which the table does not name


def story(site: Site, entry: Entry, lang: str) -> str:
    """A figure of the section's networks by year, and a list: each with the problem of those before that it solved."""
    told = [page for page in site.catalog.in_section(entry.section) if page.pages[lang].meta.get("solves")]
    ordered = sorted(told, key=lambda page: (page.en.meta.get("year", 0), page.id))
    return (
        timeline.drawing([_dated(site, page, lang) for page in ordered], lang)
        + '\n<ol class="timeline story">\n'
        + "\n".join(_told(page, entry.section, lang) for page in ordered)
        + "\n</ol>\n"
    )


def _dated(site: Site, page: Entry, lang: str) -> timeline.Row:
    """What the figure shows of a network; multiply-adds are those of the network whose accuracy it is, if counted."""
    accuracy = next((known for known in site.catalog.accuracies if known.id == page.id), None)
    counted = [numbers for _, numbers in _counted(site, [page]) if accuracy and numbers["network"] == accuracy.network]
    return timeline.Row(
        page.title(lang),
        int(page.en.meta.get("year", 0)),
        accuracy.top1 if accuracy else None,
        counted[0]["multiply_adds"] if counted else None,
    )


def _told(page: Entry, section: str, lang: str) -> str:
    year = f'<span class="year">{page.en.meta.get("year", "")}</span>'
    told = str(page.pages[lang].meta["solves"])
    solved = html.text(told[:1].upper() + told[1:])
    return f"<li>{year} <span>{html.entry_link(page, section, lang)}{word('colon', lang)}{solved}</span></li>"


def table(site: Site, entry: Entry, lang: str) -> str:
    """HTML table of every network that was counted: parameters, multiply-adds, published accuracy."""
    times, operations, sizes = _measured(site)
    published = {accuracy.id: accuracy for accuracy in site.catalog.accuracies}
    rows = []
    networks = [page for section in SECTIONS for page in site.catalog.in_section(section)]
    for page, counted in _counted(site, networks):
        accuracy = published.get(page.id)
        name = str(counted["network"])
        size = sizes.get(name, USUAL)
        rows.append(
            [
                lines_of(
                    f"<strong>{html.text(name)}</strong>",
                    html.entry_link(page, entry.section, lang),
                    small(word("pixels", lang).format(size) if size != USUAL else ""),
                ),
                str(page.en.meta.get("year", "–")),
                _digits(counted["parameters"] / 1e6),
                _digits(counted["multiply_adds"] / 1e9),
                _digits(counted["activations"] / 1e6),
                str(operations.get(name, "–")),
                times.get(name, "–"),
                f"{accuracy.top1:.1f}" if accuracy else "–",
                _quoted(site, accuracy, entry.section, lang) if accuracy else "–",
            ]
        )
    counts = ("parameters_m", "multiply_adds_g", "activations_m", "operations", "time_ratio")
    head = [word(key, lang) for key in ("network", "year", *counts, "top1", "published")]
    return html.table(head, rows, class_="networks")


def _digits(number: float) -> str:
    """A number to three significant digits."""
    return f"{number:#.3g}".rstrip(".")


def _measured(site: Site) -> tuple[dict[str, str], dict[str, int], dict[str, int]]:
    """By network, as the experiment of a section's index found it: time relative to ResNet-50's, operations, pixels."""
    for page in site.catalog.entries:
        if page.section in SECTIONS and not page.is_technique and (path := site.artifacts(page).get(TIMES)):
            with (site.catalog.root / path).open(encoding="utf-8", newline="") as file:
                times = {row[0]: row[-1] for row in list(csv.reader(file))[1:]}
            counts = json.loads((site.catalog.root / site.artifacts(page)[COUNTS]).read_text(encoding="utf-8"))
            return times, counts["operations"], counts["pixels"]
    return {}, {}, {}


def _quoted(site: Site, accuracy: Accuracy, section: str, lang: str) -> str:
    """Where an accuracy stands, and of what it is."""
    pixels = word("pixels", lang).format(accuracy.size) if accuracy.size != USUAL else ""
    known = (accuracy.network, pixels, accuracy.note.get(lang, ""))
    how = word("semicolon", lang).join(part for part in known if part)
    return lines_of(source(site.catalog, accuracy.source, section, lang), small(how))


def _counted(site: Site, pages: Iterable[Entry]) -> Iterator[tuple[Entry, dict[str, Any]]]:
    """Each entry whose experiment counted a network, with the numbers that it saved."""
    for page in pages:
        for name, path in site.artifacts(page).items():
            if name.endswith(".json"):
                counted = json.loads((site.catalog.root / path).read_text(encoding="utf-8"))
                if isinstance(counted, dict) and {"network", "parameters", "multiply_adds"} <= counted.keys():
                    yield page, counted
