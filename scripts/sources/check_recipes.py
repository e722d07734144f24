"""What recipes and layers say of other files: entries, papers, Chinese twins of their words; and who shows them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from scripts.problems import Problem
from scripts.sources import accuracies, labels, layers, recipes
from scripts.sources.catalog import Catalog
from scripts.sources.check_names import hint

Row = recipes.Recipe | layers.Layer | accuracies.Accuracy
KINDS: dict[type, tuple[str, str]] = {
    recipes.Recipe: (recipes.FILE, "recipe"),
    layers.Layer: (layers.FILE, "layer"),
    accuracies.Accuracy: (accuracies.FILE, "accuracy of"),
}


def check_recipes(catalog: Catalog) -> Iterator[Problem]:
    """Optimizers and schedules are entries, papers are known, and words have a twin."""
    missing: set[str] = set()
    for recipe in catalog.recipes:
        for choice, section in [(each, "optimizers") for each in recipe.optimizers] + [(recipe.schedule, "schedulers")]:
            known = [entry.id for entry in catalog.in_section(section)]
            name = choice.id if choice else "constant"
            if name not in [*known, "constant"]:
                remedy = hint(name, known, "Name an entry of the guide.")
                yield _problem(recipe, f"'{name}' is no entry of {section}", remedy)
        yield from _sourced(catalog, recipe, missing)


def check_layers(catalog: Catalog) -> Iterator[Problem]:
    """What a layer is explained by is an entry, papers are known, and words have a twin."""
    missing: set[str] = set()
    for layer in catalog.layers:
        if layer.entry not in catalog.by_id:
            yield _problem(layer, f"'{layer.entry}' is no entry", hint(layer.entry, catalog.by_id, "Name an entry."))
        yield from _sourced(catalog, layer, missing)


def check_accuracies(catalog: Catalog) -> Iterator[Problem]:
    """Each network is an entry; papers are known, and words have a twin."""
    missing: set[str] = set()
    for accuracy in catalog.accuracies:
        if accuracy.id not in catalog.by_id:
            yield _problem(accuracy, "there is no such entry", hint(accuracy.id, catalog.by_id, "Name an entry."))
        yield from _sourced(catalog, accuracy, missing)


def _sourced(catalog: Catalog, row: Row, missing: set[str]) -> Iterator[Problem]:
    """An unknown paper, and words without a Chinese twin, each once."""
    if row.source.paper and row.source.paper not in catalog.papers:
        remedy = hint(row.source.paper, catalog.papers, "Add the paper to docs/papers.bib.")
        yield _problem(row, f"unknown paper '{row.source.paper}'", remedy)
    for text in row.words:
        if labels.twin(catalog.labels, text) is None and text not in missing:
            missing.add(text)
            remedy = hint(text, catalog.labels, f"Add '{text}: …' to {labels.FILE}.")
            yield _problem(row, f"'{text}' has no Chinese twin", remedy)


def _problem(row: Row, message: str, remedy: str) -> Problem:
    file, kind = KINDS[type(row)]
    return Problem(file, row.line, f"{kind} '{row.id}': {message}", remedy)


def check_shown(catalog: Catalog) -> Iterator[Problem]:
    """A page shows recipes and layers that there are, each once."""
    kinds = (
        ("recipe", recipes.FILE, recipes.chosen, {recipe.id for recipe in catalog.recipes}),
        ("layer", layers.FILE, layers.chosen, {layer.id for layer in catalog.layers}),
    )
    for entry in catalog.entries:
        for page in entry.pages.values():
            for mark, (kind, file, chosen, known) in product(page.of("include"), kinds):
                shown = chosen(mark.target) or ()
                for place, id_ in enumerate(shown):
                    if id_ not in known:
                        remedy = hint(id_, known, f"Name records of {file}, with commas between them.")
                        yield Problem(page.path, mark.line, f"there is no {kind} '{id_}'", remedy)
                    elif id_ in shown[:place]:
                        yield Problem(page.path, mark.line, f"the {kind} '{id_}' is shown twice", "Name it once.")
