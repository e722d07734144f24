"""What leads a reader from a symptom to its cause: the picker of curves, the check list, and what was verified."""

from __future__ import annotations

from scripts.generate import curves, html, proofs
from scripts.generate.addresses import entry_href
from scripts.generate.bugs import heading, log
from scripts.generate.phrases import LOOKS, word
from scripts.generate.site import Site
from scripts.sources import causes
from scripts.sources.pages import Entry
from scripts.sources.snippets import Snippet
from scripts.sources.ticks import Point

EXAMPLES = {  # a run that shows the shape and little else, as symptom/cause
    "lost": "loss-nan/log-of-zero",
    "explodes": "loss-explodes-first-steps/learning-rate-too-high",
    "flat": "loss-not-decreasing/optimizer-holds-other-parameters",
    "slow": "weights-not-changing/rounded-away",
    "plateau": "loss-plateaus-early/softmax-before-loss",
    "oscillates": "loss-oscillates/learning-rate-too-high",
    "spikes": "loss-spikes/last-batch-tiny",
    "zero": "loss-zero-immediately/everything-masked",
    "gap": "bn-train-eval-gap/averaged-weights",
    "rises-again": "overfitting/trained-too-long",
    "noisy": "bn-train-eval-gap/batches-not-alike",
    "fine": "loss-decreases-acc-not/test-labels-encoded-differently",
}


def picker(site: Site, entry: Entry, lang: str) -> str:
    """HTML: for each shape of a loss curve the symptoms that look so, and their causes; lists within lists."""
    symptoms = [page for page in site.catalog.techniques if causes.is_symptom(page)]
    groups = [(look, [page for page in symptoms if page.en.meta.get("looks") == look]) for look in causes.LOOKS]
    items = "\n".join(_shape(site, entry, look, pages, lang) for look, pages in groups if pages)
    return f'<div class="picker">\n{items}\n</div>\n'


def _shape(site: Site, entry: Entry, look: str, pages: list[Entry], lang: str) -> str:
    drawn = curves.thumbnail(log(site, program)) if (program := example(site, look)) else ""
    lists = "".join(_symptom(entry, page, lang) for page in pages)
    name = html.text(LOOKS[look][lang])
    return f'<details id="looks-{look}"><summary>{drawn}<span>{name}</span></summary><ul>{lists}</ul></details>'


def _symptom(entry: Entry, page: Entry, lang: str) -> str:
    address = entry_href(page, entry.section)
    listed = "".join(
        f"<li>{html.link(f'{address}#{cause.id}', html.inline(heading(page, cause, lang)))}</li>"
        for cause in causes.of(page)
    )
    return f"<li>{html.entry_link(page, entry.section, lang)}<ul>{listed}</ul></li>"


def example(site: Site, look: str) -> Snippet | None:
    """The planted run whose curve is drawn beside the words for a shape; None for what shows on no curve."""
    symptom, _, name = EXAMPLES.get(look, "").partition("/")
    page = site.catalog.by_id.get(symptom)
    found = next((cause for cause in causes.of(page) if cause.id == name), None) if page else None
    return causes.program(page, found, "broken") if page and found else None


def ask(lang: str) -> str:
    """HTML: a field for what the reader sees; the page opens its search with it (docs/theme/assets/search/)."""
    field = (
        f'<input type="search" name="q" required aria-label="{word("ask", lang)}" placeholder="{word("ask", lang)}">'
    )
    return f'<form class="ask" action="index.html">{field}<button>{word("ask_button", lang)}</button></form>\n'


def ticks(site: Site, entry: Entry, lang: str) -> str:
    """HTML of the check list: points to tick, each with the entries and symptoms that help."""
    tools = "".join(
        f'<button type="button" data-do="{what}">{word(f"ticks_{what}", lang)}</button>'
        for what in ("reset", "print", "export")
    )
    parts = [f'<p class="ticks-tools" hidden>{tools} <span role="status"></span></p>\n']
    for part in site.catalog.checklist:
        points = "\n".join(_point(site, entry, point, lang) for point in part.points)
        parts.append(f'## {html.heading(part.names[lang])} {{#{part.id}}}\n\n<ol class="ticks">\n{points}\n</ol>\n')
    return "\n".join(parts)


def _point(site: Site, entry: Entry, point: Point, lang: str) -> str:
    pages = [site.catalog.by_id[name] for name in point.see if name in site.catalog.by_id]
    links = word("comma", lang).join(html.entry_link(page, entry.section, lang) for page in pages)
    box = f'<input type="checkbox" id="tick-{point.id}">'
    help_ = f" <small>{links}</small>" if links else ""
    return f'<li>{box}<label for="tick-{point.id}">{html.text(point.names[lang])}</label>{help_}</li>'


def verified(site: Site, lang: str) -> str:
    """HTML: how much of the guide was proved, when and on what."""
    results = [result for result in site.report.results if result.status == "passed" and result.device == "cpu"]
    if not results:
        return ""
    tests = sum(len(file.cases) for file in site.claims.values())
    planted = sum(len(causes.of(page)) for page in site.catalog.techniques)
    last = max(map(proofs.day_of, results))
    said = word("verified_counts", lang).format(len(results), tests, planted, results[0].release, last)
    return f'<p class="verified-counts">{said}</p>\n'
