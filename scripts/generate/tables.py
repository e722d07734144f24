"""What a page may include beside snippets, by name."""

from __future__ import annotations

from collections.abc import Callable

from scripts.generate import (
    alphabet,
    bugs,
    calculator,
    crossed,
    facts,
    front_door,
    indexes,
    layers,
    networks,
    reader,
    recipes,
    symptom,
    tasks,
)
from scripts.generate.site import Site
from scripts.sources import causes
from scripts.sources.layers import chosen as chosen_layers
from scripts.sources.pages import Entry
from scripts.sources.recipes import chosen as chosen_recipes

# name in `--8<-- "name"` -> what makes it, from the site, the entry whose page includes it, and the language
MADE: dict[str, Callable[[Site, Entry, str], str]] = {
    "facts": facts.facts,
    "comparison": lambda site, entry, lang: indexes.comparison(site.catalog, entry.section, lang),
    "timeline": lambda site, entry, lang: indexes.timeline(site.catalog, entry.section, lang),
    "papers": lambda site, entry, lang: indexes.papers(site.catalog, lang),
    "names": lambda site, entry, lang: alphabet.names(site.catalog, lang),
    "torch": lambda site, entry, lang: indexes.torch_names(site.catalog, lang),
    "tags": lambda site, entry, lang: indexes.tags(site.catalog, lang),
    "sections": lambda site, entry, lang: indexes.sections(site.catalog, lang),
    "picker": front_door.picker,
    "story": networks.story,
    "networks": networks.table,
    "reader": reader.reader,
    "calculator": lambda site, entry, lang: calculator.calculator(lang),
    "reader-counts": reader.table,
    "ask": lambda site, entry, lang: front_door.ask(lang),
    "ticks": front_door.ticks,
    "tasks": tasks.tasks,
    "verified": lambda site, entry, lang: front_door.verified(site, lang),
    "checkups": bugs.checkups,
    "crossed": crossed.table,
    "crossed-counts": lambda site, entry, lang: crossed.counts(site, lang),
    "bugs": lambda site, entry, lang: bugs.every(site, lang),
    "recipes": lambda site, entry, lang: recipes.every(site.catalog, lang),
    "layers": lambda site, entry, lang: layers.every(site.catalog, lang),
}


def made(site: Site, entry: Entry, target: str, lang: str) -> str:
    """What ``--8<-- "target"`` stands for: one of :data:`MADE`, rows of recipes or layers, or a part of a cause."""
    if causes.is_symptom(entry) and causes.chosen(target):
        return symptom.shown(site, entry, target, lang)
    if (ids := chosen_recipes(target)) is not None:
        return recipes.rows(site.catalog, entry, ids, lang)
    if (ids := chosen_layers(target)) is not None:
        return layers.rows(site.catalog, entry, ids, lang)
    return MADE[target](site, entry, lang)
