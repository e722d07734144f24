"""Tables of normalizing layers in published models: rows on an entry's page, and all of them on the page of recipes."""

from __future__ import annotations

from collections.abc import Iterable

from scripts.generate import addresses, html
from scripts.generate.phrases import word
from scripts.generate.recipes import lines_of, short, small, source
from scripts.sources.catalog import Catalog
from scripts.sources.labels import said
from scripts.sources.layers import Layer
from scripts.sources.pages import Entry


def rows(catalog: Catalog, entry: Entry, ids: Iterable[str], lang: str) -> str:
    """HTML table of some layers, for an entry's page."""
    known = {layer.id: layer for layer in catalog.layers}
    return html.table(_head(lang), [_row(catalog, known[id_], entry.section, lang) for id_ in ids], class_="recipes")


def every(catalog: Catalog, lang: str) -> str:
    """HTML table of all layers by the entry that explains them."""
    used = dict.fromkeys(layer.entry for layer in catalog.layers)
    groups = [
        (short(entry, lang), [_row(catalog, layer, "", lang) for layer in catalog.layers if layer.entry == entry.id])
        for entry in catalog.techniques
        if entry.id in used
    ]
    return html.grouped_table(_head(lang), groups, class_="layers")


def _head(lang: str) -> list[str]:
    return [word(key, lang) for key in ("model", "layer", "published")]


def _row(catalog: Catalog, layer: Layer, section: str, lang: str) -> list[str]:
    """Model and where in it; the layer as code, below it the note; where it is published."""
    entry = catalog.by_id[layer.entry]
    model = html.text(said(catalog.labels, layer.model, lang))
    more = [said(catalog.labels, text, lang) for text in (layer.data, layer.where) if text]
    link = html.link(addresses.entry_href(entry, section), html.text(short(entry, lang)))
    name = layer.class_.rpartition(".")[2]
    arguments = ", ".join(f"{key}={value!r}" for key, value in layer.settings.items())
    code = html.code(f"{name}(…, {arguments})" if name else arguments)
    return [
        lines_of(f"<strong>{model}</strong>", html.text(word("comma", lang).join(more))),
        lines_of(code, "" if section else link, small(layer.note.get(lang))),
        source(catalog, layer.source, section, lang),
    ]
