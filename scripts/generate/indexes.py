"""Tables and lists over many entries: comparison tables, timelines, papers, names, torch names, symptoms."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import Any

from scripts.catalog import Catalog, Entry
from scripts.generate import html, report
from scripts.generate.words import word


def comparison(catalog: Catalog, verification: dict[str, Any], section: str, lang: str) -> str:
    """HTML table of a section's entries: what for, year, torch names, summary."""
    head = [word(key, lang) for key in ("technique", "for", "year", "in_torch", "summary", "verified")]
    rows = []
    for entry in catalog.in_section(section):
        names = " ".join(html.link(f"../torch.html#{n}", html.code(n.rpartition(".")[2])) for n in entry.facts("torch"))
        proved = all(report.passed(verification, snippet) for snippet in entry.snippets) and bool(entry.snippets)
        rows.append(
            [
                html.entry_link(entry, section, lang),
                escape(str(entry.pages[lang].meta.get("situation") or "")),
                str(entry.en.meta.get("year") or "–"),
                names or "–",
                escape(str(entry.pages[lang].meta["summary"])),
                "✓" if proved else "–",
            ]
        )
    return html.table(head, rows, class_="comparison")


def timeline(entries: Iterable[Entry], section: str, lang: str) -> str:
    """HTML list of the dated entries, oldest first."""
    dated = sorted((e for e in entries if e.en.meta.get("year")), key=lambda e: (e.en.meta["year"], e.id))
    items = "\n".join(
        f'<li><span class="year">{entry.en.meta["year"]}</span> {html.entry_link(entry, section, lang)}</li>'
        for entry in dated
    )
    return f'<ol class="timeline">\n{items}\n</ol>'


def papers(catalog: Catalog, lang: str) -> str:
    """HTML table of the bibliography, by year, each with original, archive and the entries that cite it."""
    citing: dict[str, list[Entry]] = {}
    for entry in catalog.entries:
        keys = set(entry.facts("papers")) | {
            key.strip()[1:] for mark in entry.en.of("cite") for key in mark.target.split(";")
        }
        for key in keys:
            citing.setdefault(key, []).append(entry)
    rows = []
    for paper in sorted(catalog.papers.values(), key=lambda p: (p.year, p.authors, p.title)):
        who = ", ".join(paper.names[:6]) + (" et al." if paper.others or len(paper.names) > 6 else "")
        links = (
            html.link(paper.url, word("original", lang), rel="noopener")
            + " "
            + html.link(paper.archive, word("archive", lang), rel="noopener")
        )
        cited = ", ".join(html.entry_link(entry, "", lang) for entry in citing.get(paper.key, []))
        title = f'<cite id="{html.attr(paper.key)}">{escape(paper.title)}</cite>'
        rows.append([str(paper.year), title, escape(who), links, cited])
    head = [word(key, lang) for key in ("year", "title", "authors", "paper", "cited_by")]
    return html.table(head, rows, class_="bibliography")


def names(catalog: Catalog, lang: str) -> str:
    """HTML list of every name and alias in both languages, A to Z, each leading to its entry."""
    found: dict[str, set[tuple[str, str]]] = {}
    for entry in catalog.techniques:
        target = html.entry_link(entry, "", lang)
        for page in entry.pages.values():
            for name in [page.meta["title"], *page.meta["aliases"]]:
                found.setdefault(str(name), set()).add((entry.id, target))
    groups: dict[str, list[str]] = {}
    for name in sorted(found, key=lambda n: (re.sub(r"^\W+", "", n).casefold() or n, n)):
        initial = (re.sub(r"^\W+", "", name) or name)[0].upper()
        group = initial if initial.isascii() and initial.isalpha() else ("0–9" if initial.isascii() else "中文")
        targets = ", ".join(target for _, target in sorted(found[name]))
        groups.setdefault(group, []).append(f"<li>{escape(name)}: {targets}</li>")
    order = sorted(groups, key=lambda g: (g == "中文", g == "0–9", g))
    parts = []
    for group in order:
        anchor = {"0–9": "digits", "中文": "han"}.get(group, group.lower())
        parts += [f"## {group} {{#{anchor}}}", "", '<ul class="names">', *groups[group], "</ul>", ""]
    return "\n".join(parts)


def torch_names(catalog: Catalog, lang: str) -> str:
    """HTML table of every torch name that an entry explains."""
    found: dict[str, list[Entry]] = {}
    for entry in catalog.techniques:
        for name in entry.facts("torch"):
            found.setdefault(name, []).append(entry)
    rows = [
        [
            f'<code id="{html.attr(name)}">{escape(name)}</code>',
            ", ".join(html.entry_link(entry, "", lang) for entry in found[name]),
            escape(str(found[name][0].pages[lang].meta["summary"])),
        ]
        for name in sorted(found, key=str.casefold)
    ]
    return html.table([word(key, lang) for key in ("api", "technique", "summary")], rows, class_="torch-names")


def symptoms(catalog: Catalog, lang: str) -> str:
    """HTML table: symptom, and the entries that explain its causes. Symptoms without an entry yet are left out."""
    rows = []
    for symptom in catalog.symptoms:
        entries = [catalog.by_id[fix] for fix in symptom["fixes"] if fix in catalog.by_id]
        if entries:
            text = str(symptom["symptom_zh" if lang == "zh" else "symptom"])
            name = f'<span id="{html.attr(symptom["id"])}">{escape(text)}</span>'
            rows.append([name, ", ".join(html.entry_link(entry, "", lang) for entry in entries)])
    return html.table([word("symptom", lang), word("look_at", lang)], rows, class_="symptoms")


def sections(catalog: Catalog, lang: str) -> str:
    """HTML list of the sections, each with its summary and number of entries."""
    items = []
    for section in catalog.sections:
        index = catalog.index_of(section)
        if index is None:
            continue
        count = len(catalog.in_section(section))
        items.append(
            f"<li>{html.entry_link(index, '', lang)} <small>{count} {word('entries', lang)}</small><br>"
            f"{escape(str(index.pages[lang].meta['summary']))}</li>"
        )
    return '<ul class="sections">\n' + "\n".join(items) + "\n</ul>"
