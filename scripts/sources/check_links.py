"""Links between pages: where they lead, and the places that a page offers to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from scripts.problems import Problem
from scripts.sources import causes, pitfalls, tasks
from scripts.sources.catalog import Catalog
from scripts.sources.check_names import hint
from scripts.sources.pages import LANGUAGES, Entry

RECIPES = "recipes.md"  # each row of this page is a place, named by its recipe's id
CHECKLIST = "checklist/index.md"  # each part of the check list is a place
TASKS = "tasks.md"  # each task is a place


def check(catalog: Catalog) -> Iterator[Problem]:
    """Links between pages lead to a page, and to a heading, a pitfall or a recipe of it."""
    names = {entry.en.name: entry for entry in catalog.entries}  # the same in both editions
    offered = {entry.en.name: {lang: anchors(entry, lang) for lang in LANGUAGES} for entry in catalog.entries}
    for places in offered.get(RECIPES, {}).values():
        places |= {recipe.id for recipe in catalog.recipes}
    for places in offered.get(CHECKLIST, {}).values():
        places |= {part.id for part in catalog.checklist}
    for places in offered.get(TASKS, {}).values():
        places |= {task.id for task in catalog.tasks}
    for page in (page for entry in catalog.entries for page in entry.pages.values()):
        for mark in page.of("link"):
            target, _, anchor = mark.target.partition("#")
            name = _resolve(PurePosixPath(page.name).parent, target)
            if name.startswith("reference/"):
                continue  # written by the build; the check of the rendered site sees to these
            if name not in names:
                remedy = hint(name, names, "Write that page, or name the technique without a link.")
                yield Problem(page.path, mark.line, f"dead link to {mark.target}", remedy)
            elif anchor and anchor not in offered[name][page.lang]:
                remedy = hint(anchor, offered[name][page.lang], "Name a heading, a pitfall or a recipe of that page.")
                yield Problem(page.path, mark.line, f"dead link: {target} has no heading or pitfall #{anchor}", remedy)


def check_tasks(catalog: Catalog) -> Iterator[Problem]:
    """What a task leads to is a heading or a pitfall of an entry's page, or all causes of a symptom."""
    for task in catalog.tasks:
        for name, places in task.see.items():
            entry = catalog.by_id.get(name)
            if not entry:
                remedy = hint(name, set(catalog.by_id), "Name an entry.")
                yield Problem(tasks.FILE, task.line, f"the task '{task.id}': '{name}' is no entry", remedy)
            elif not places and not causes.is_symptom(entry):
                yield Problem(
                    tasks.FILE, task.line, f"the task '{task.id}': '{name}' has no causes", "Name its places."
                )
            else:
                offered = {lang: written(entry, lang) for lang in LANGUAGES}
                for place in places:
                    if not all(place in there for there in offered.values()):
                        remedy = hint(place, offered["en"], "Name a heading or a pitfall of that page.")
                        message = f"the task '{task.id}': the page of '{name}' has no #{place}"
                        yield Problem(tasks.FILE, task.line, message, remedy)


def _resolve(folder: PurePosixPath, target: str) -> str:
    parts = list(folder.parts)
    for part in PurePosixPath(target).parts:
        if part == "..":
            parts = parts[:-1] if parts else ["(outside)"]
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def anchors(entry: Entry, lang: str) -> set[str]:
    """Anchors that a page offers: its headings, its pitfalls, and those that the build adds."""
    return written(entry, lang) | {"related", "verified"}


def written(entry: Entry, lang: str) -> set[str]:
    """Anchors of a page's headings and pitfalls."""
    headings = {mark.target for mark in entry.pages[lang].of("heading")}
    return headings | {pitfall.anchor for pitfall in pitfalls.of(entry, lang)}
