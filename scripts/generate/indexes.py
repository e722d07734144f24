"""Tables and lists over many entries: comparison tables, timelines, tags, papers, torch names."""

from __future__ import annotations

from collections import Counter

from scripts.generate import filters, html
from scripts.generate.phrases import word
from scripts.sources.catalog import Catalog
from scripts.sources.pages import Entry


def comparison(catalog: Catalog, section: str, lang: str) -> str:
    """HTML table of a section's entries: what for, year, torch names, summary; with fields to filter it."""
    entries = catalog.in_section(section)
    head = [word(key, lang) for key in ("technique", "for", "year", "in_torch", "summary")]
    groups = [
        (f.names[lang], [_compared(entry, lang) for entry in members]) for f, members in catalog.families(section)
    ]
    return filters.comparison(catalog, entries, lang) + html.grouped_table(head, groups, class_="comparison")


def _compared(entry: Entry, lang: str) -> list[str]:
    names = " ".join(html.link(f"../torch.html#{n}", html.code(n.rpartition(".")[2])) for n in entry.facts("torch"))
    return [
        filters.marked(entry, lang),
        html.text(str(entry.pages[lang].meta.get("situation") or "")),
        str(entry.en.meta.get("year") or "–"),
        names or "–",
        html.text(str(entry.pages[lang].meta["summary"])),
    ]


def timeline(catalog: Catalog, section: str, lang: str) -> str:
    """HTML list of the dated entries of one section, or of all with the name of their section; oldest first."""
    entries = catalog.in_section(section) if section else catalog.techniques
    dated = sorted((e for e in entries if e.en.meta.get("year")), key=lambda e: (e.en.meta["year"], e.id))

    def item(entry: Entry) -> str:
        index = None if section else catalog.index_of(entry.section)
        where = f" <small>{html.text(index.title(lang))}</small>" if index else ""
        year = f'<span class="year">{entry.en.meta["year"]}</span>'
        return f"<li>{year} <span>{html.entry_link(entry, section, lang)}{where}</span></li>"

    return '<ol class="timeline">\n' + "\n".join(map(item, dated)) + "\n</ol>"


def tags(catalog: Catalog, lang: str) -> str:
    """Markdown: a heading for each tag with the entries that bear it, and a line of links to the headings."""
    jumps = " ".join(
        html.link(f"#{tag.id}", f"{html.text(tag.names[lang])} <small>{len(catalog.tagged(tag.id))}</small>")
        for tag in catalog.tags
    )
    parts = [f'<nav class="letters" aria-label="{word("all_tags", lang)}">{jumps}</nav>', ""]
    for tag in catalog.tags:
        items = [html.entry_item(entry, "", lang) for entry in catalog.tagged(tag.id)]
        heading = html.heading(tag.names[lang][0].upper() + tag.names[lang][1:])
        parts += [f"## {heading} {{#{tag.id}}}", "", "<ul>", *items, "</ul>", ""]
    return "\n".join(parts)


def papers(catalog: Catalog, lang: str) -> str:
    """HTML table of the bibliography, by year, each with original, archive and the entries that cite it."""
    citing: dict[str, list[Entry]] = {}
    for entry in catalog.entries:
        keys = set(entry.facts("papers")) | {
            key.strip()[1:] for mark in entry.en.of("cite") for key in mark.target.split(";")
        }
        if (entry.section, entry.id) == ("", "recipes"):
            keys |= {recipe.source.paper for recipe in catalog.recipes}
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
        cited = word("comma", lang).join(html.entry_link(entry, "", lang) for entry in citing.get(paper.key, []))
        title = f'<cite id="{html.attr(paper.key)}">{html.text(paper.title)}</cite>'
        rows.append([str(paper.year), title, html.text(who), links, cited])
    head = [word(key, lang) for key in ("year", "title", "authors", "paper", "cited_by")]
    return filters.text(lang) + html.table(head, rows, class_="bibliography")


def torch_names(catalog: Catalog, lang: str) -> str:
    """HTML table of every torch name that an entry explains; its last part is a place on the page too."""
    found: dict[str, list[Entry]] = {}
    for entry in catalog.techniques:
        for name in entry.facts("torch"):
            found.setdefault(name, []).append(entry)
    short = Counter(name.rpartition(".")[2] for name in found)
    rows = [
        [
            _torch_name(name, short[name.rpartition(".")[2]] == 1),
            word("comma", lang).join(html.entry_link(entry, "", lang) for entry in found[name]),
            html.text(str(found[name][0].pages[lang].meta["summary"])),
        ]
        for name in sorted(found, key=str.casefold)
    ]
    head = [word(key, lang) for key in ("api", "technique", "summary")]
    return filters.text(lang) + html.table(head, rows, class_="torch-names")


def _torch_name(name: str, alone: bool) -> str:
    """A dotted name that may break at its dots, its last part in bold, and the shorthand ``F.`` that code writes."""
    module, _, last = name.rpartition(".")
    path = module.replace(".", ".<wbr>") + ".<wbr>" if module else ""
    own = f' id="{html.attr(last)}"' if alone and module else ""
    functional = f" <small>{html.code('F.' + last)}</small>" if module == "torch.nn.functional" else ""
    return f'<code id="{html.attr(name)}">{path}<b{own}>{html.text(last)}</b></code>{functional}'


def sections(catalog: Catalog, lang: str) -> str:
    """HTML list of the sections, each with its summary and number of entries."""
    items = []
    for section in catalog.sections:
        index = catalog.index_of(section.id)
        if index is None:
            continue
        count = len(catalog.in_section(section.id))
        items.append(
            f"<li>{html.entry_link(index, '', lang)} <small>{count} {word('entries', lang)}</small><br>"
            f"{html.text(str(index.pages[lang].meta['summary']))}</li>"
        )
    return '<ul class="sections">\n' + "\n".join(items) + "\n</ul>"
