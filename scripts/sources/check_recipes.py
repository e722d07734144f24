"""What recipes say of other files: entries, papers, and the Chinese twins of their words; and who shows them."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.problems import Problem
from scripts.sources import labels, recipes
from scripts.sources.catalog import Catalog
from scripts.sources.check_names import hint


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
        if recipe.source.paper and recipe.source.paper not in catalog.papers:
            remedy = hint(recipe.source.paper, catalog.papers, "Add the paper to docs/papers.bib.")
            yield _problem(recipe, f"unknown paper '{recipe.source.paper}'", remedy)
        for text in recipe.words:
            if text not in catalog.labels and text not in missing:
                missing.add(text)
                remedy = hint(text, catalog.labels, f"Add '{text}: …' to {labels.FILE}.")
                yield _problem(recipe, f"'{text}' has no Chinese twin", remedy)


def _problem(recipe: recipes.Recipe, message: str, remedy: str) -> Problem:
    return Problem(recipes.FILE, recipe.line, f"recipe '{recipe.id}': {message}", remedy)


def check_shown(catalog: Catalog) -> Iterator[Problem]:
    """An entry shows recipes that there are, each once."""
    known = {recipe.id for recipe in catalog.recipes}
    for entry in catalog.entries:
        for page in entry.pages.values():
            for mark in page.of("include"):
                shown = recipes.chosen(mark.target) or ()
                for place, id_ in enumerate(shown):
                    if id_ not in known:
                        remedy = hint(id_, known, f"Name recipes of {recipes.FILE}, with commas between them.")
                        yield Problem(page.path, mark.line, f"there is no recipe '{id_}'", remedy)
                    elif id_ in shown[:place]:
                        yield Problem(page.path, mark.line, f"the recipe '{id_}' is shown twice", "Name it once.")
