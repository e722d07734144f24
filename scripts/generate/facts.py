"""The line of facts under an entry's title."""

from __future__ import annotations

from scripts.generate import addresses, html, proofs
from scripts.generate.phrases import word
from scripts.generate.site import Site
from scripts.sources import outline
from scripts.sources.labels import said
from scripts.sources.pages import Entry


def facts(site: Site, entry: Entry, lang: str) -> str:
    """HTML of the fact line: papers with original and archive, torch names, what it was verified on."""
    rows = []
    year = entry.en.meta.get("year")
    comma = "，" if lang == "zh" else ", "
    for place, key in enumerate(entry.facts("papers")):
        rows.append((word("paper", lang), _paper(site, entry, key, None if place else year, lang)))
    if year and not entry.facts("papers"):
        rows.append((word("year", lang), f"<strong>{year}</strong>"))
    names = entry.facts("torch")
    to_torch = f"{addresses.up(entry.section)}torch.html"
    api = " · ".join(html.link(f"{to_torch}#{name}", html.code(name)) for name in names)
    if api or outline.kind_of(entry) != "concept":  # a page about choices has no code that torch lacks
        rows.append((word("api", lang), api or word("no_api", lang)))
    if shares := entry.facts("shares"):
        over = comma.join(html.text(said(site.catalog.labels, name, lang)) for name in shares)
        rows.append((word("shares", lang), over))
    tags = [
        html.link(f"{addresses.up(entry.section)}tags.html#{tag.id}", html.text(tag.names[lang]))
        for tag in site.catalog.tags
        if tag.id in entry.facts("tags")
    ]
    if tags:
        rows.append((word("tags", lang), " · ".join(tags)))
    results = [r for snippet in entry.snippets for r in site.report.passed(snippet.path)]
    if results:
        proved = list(dict.fromkeys(map(proofs.proof, results)))
        more = f" (+{len(proved) - 1})" if len(proved) > 1 else ""
        mark = html.link("#verified", f"✓ {html.text(proved[0])}{more}", class_="proof")
        rows.append((word("verified_on", lang), mark))
    lines = "\n".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in rows)
    return f'<dl class="facts">\n{lines}\n</dl>\n'


def _paper(site: Site, entry: Entry, key: str, year: int | None, lang: str) -> str:
    """A paper with its original and archive; ``year``, the technique's, stands out, in front only if it is another."""
    paper = site.catalog.papers[key]
    who, lead = html.text(paper.short(lang)), ""
    if year == paper.year:
        who = who.removesuffix(str(year)) + f"<strong>{year}</strong>"
    elif year:
        lead = f"<strong>{year}</strong> · "
    cite = html.link(f"{addresses.up(entry.section)}papers.html#{key}", who, class_="cite")
    original = html.link(paper.url, word("original", lang), rel="noopener")
    archive = html.link(paper.archive, word("archive", lang), rel="noopener")
    comma = "，" if lang == "zh" else ", "
    return f"{lead}{cite}{comma}<cite>{html.text(paper.title)}</cite> [{original}] [{archive}]"
