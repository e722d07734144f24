"""Fields that filter a table, for docs/theme/assets/guide.js; readers without scripts do not see them."""

from __future__ import annotations

from collections.abc import Iterable

from scripts.generate import addresses, html
from scripts.generate.phrases import word
from scripts.sources.catalog import Catalog
from scripts.sources.pages import Entry


def text(lang: str, *more: str) -> str:
    """A field for words, and what else is given; stands before the table."""
    field = f'<label>{word("filter", lang)} <input type="search" data-filter="text"></label>'
    fields = " ".join([field, *more])
    label = word("filter", lang)
    return f'<div class="table-filter" role="group" aria-label="{label}">{fields} <span role="status"></span></div>\n\n'


def comparison(catalog: Catalog, entries: list[Entry], lang: str) -> str:
    """Fields for words, what it is for, in torch or not, and years."""
    used = {tag for entry in entries for tag in entry.facts("tags")}
    tags = [(tag.id, tag.names[lang]) for tag in catalog.tags if tag.id in used]
    years = [entry.en.meta["year"] for entry in entries if entry.en.meta.get("year")]
    more = [choice("torch", word("filter_torch", lang), [("yes", word("yes", lang)), ("no", word("no", lang))], lang)]
    if tags:
        more.insert(0, choice("tag", word("for", lang), tags, lang))
    if years:
        more += [_year("from", word("filter_from", lang), min(years)), _year("to", word("filter_to", lang), max(years))]
    return text(lang, *more)


def marked(entry: Entry, lang: str) -> str:
    """A link to an entry of its own section that bears what the fields filter by."""
    return html.link(
        addresses.entry_href(entry, entry.section),
        html.text(entry.title(lang)),
        data_year=str(entry.en.meta.get("year") or ""),
        data_torch="yes" if entry.facts("torch") else "no",
        data_tag=" ".join(entry.facts("tags")),
    )


def choice(kind: str, label: str, options: Iterable[tuple[str, str]], lang: str) -> str:
    """A field that offers values, each under its name; a row is shown if its link's ``data-<kind>`` holds the value."""
    every = [("", word("all", lang)), *options]
    inner = "".join(f'<option value="{html.attr(value)}">{html.text(name)}</option>' for value, name in every)
    return f'<label>{html.text(label)} <select data-filter="{kind}">{inner}</select></label>'


def _year(kind: str, label: str, example: int) -> str:
    return f'<label>{label} <input type="number" data-filter="{kind}" placeholder="{example}"></label>'
