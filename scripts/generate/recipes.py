"""Tables of published recipes: rows on an entry's page, and all of them on a page of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from scripts.generate import addresses, filters, html, recipe_text
from scripts.generate.phrases import word
from scripts.sources.catalog import Catalog
from scripts.sources.labels import said
from scripts.sources.pages import Entry
from scripts.sources.recipes import Choice, Recipe, Source

# What the words of a row are, by the entry that explains each; in the order in which rows say them.
EXPLAINED = {
    "clip": "gradient-clipping",
    "label_smoothing": "label-smoothing",
    "ema": "weight-ema",
    "drop_path": "stochastic-depth",
    "mixup": "mixup",
    "cutmix": "cutmix",
    "layer_decay": "layer-wise-lr-decay",
    "exempt": "parameter-groups",
}


def rows(catalog: Catalog, entry: Entry, ids: Iterable[str], lang: str) -> str:
    """HTML table of some recipes, for an entry's page, and its legend; its words lead to the page of all."""
    known = {recipe.id: recipe for recipe in catalog.recipes}
    shown = [known[id_] for id_ in ids]
    table = html.table(
        _head(lang), [_row(catalog, recipe, entry.section, lang, entry.id) for recipe in shown], class_="recipes"
    )
    return f'{table}\n\n<p class="recipe-legend">{legend(catalog, entry, shown, lang)}</p>'


def legend(catalog: Catalog, entry: Entry, shown: Sequence[Recipe], lang: str) -> str:
    """What the numbers under a table mean, as HTML: only of what its rows have."""
    parts = [html.inline(word("legend_settings", lang))]
    if any(recipe.batch and recipe.batch.unit != "full" for recipe in shown):
        parts.append(html.text(word("legend_batch", lang)))
    by_steps = [recipe for recipe in shown if "steps" in recipe.words]
    agents = [recipe for recipe in by_steps if recipe.task == "reinforcement learning"]
    if len(agents) < len(by_steps):
        parts.append(html.inline(word("legend_step", lang)))
    if agents:
        parts.append(html.text(word("legend_environment", lang)))
    if starts := [recipe.warmup.start for recipe in shown if recipe.warmup and recipe.warmup.start]:
        parts.append(html.inline(word("legend_start", lang).format(recipe_text.number(starts[0]))))
    used = [name for name in EXPLAINED if any(name in recipe.more or name in recipe.grouped for recipe in shown)]
    if used:
        names = word("comma", lang).join(_explained(catalog, entry, name, lang) for name in used)
        parts.append(html.text(word("legend_explained", lang)) + names + word("stop", lang))
    more = html.link(
        f"{addresses.up(entry.section)}recipes.html#how-to-read-a-row", html.text(word("legend_more", lang))
    )
    return word("gap", lang).join([*parts, f"{more}{word('stop', lang)}"])


def _explained(catalog: Catalog, entry: Entry, name: str, lang: str) -> str:
    """A word of the rows, with a link to the entry that explains it unless that is this page."""
    other = catalog.by_id.get(EXPLAINED[name])
    text = html.text(word(name, lang))
    if other and other.id != entry.id:
        text = html.link(addresses.entry_href(other, entry.section), text)
    return text + html.inline(word("legend_clip", lang) if name == "clip" else "")


def every(catalog: Catalog, lang: str) -> str:
    """HTML table of all recipes by task, with fields to filter it by words, task and optimizer."""
    tasks = list(dict.fromkeys(recipe.task for recipe in catalog.recipes))
    groups = [
        (
            said(catalog.labels, task, lang),
            [_row(catalog, recipe, "", lang) for recipe in catalog.recipes if recipe.task == task],
        )
        for task in tasks
    ]
    used = {choice.id for recipe in catalog.recipes for choice in recipe.optimizers}
    optimizers = [(e.id, short(e, lang)) for e in catalog.in_section("optimizers") if e.id in used]
    chosen = [(_slug(task), said(catalog.labels, task, lang)) for task in tasks]
    fields = filters.text(
        lang,
        filters.choice("task", word("task", lang), chosen, lang),
        filters.choice("optimizer", word("optimizer", lang), optimizers, lang),
    )
    return fields + html.grouped_table(_head(lang), groups, class_="recipes")


def _head(lang: str) -> list[str]:
    return [word(key, lang) for key in ("recipe", "settings", "schedule_length", "published")]


def _row(catalog: Catalog, recipe: Recipe, section: str, lang: str, here: str = "") -> list[str]:
    """The cells of a row; ``here`` is the entry on whose page it stands, to which no link leads."""
    return [
        _situation(catalog, recipe, section, lang),
        _settings(catalog, recipe, section, lang, here),
        _schedule(catalog, recipe, section, lang, here),
        source(catalog, recipe.source, section, lang),
    ]


def _situation(catalog: Catalog, recipe: Recipe, section: str, lang: str) -> str:
    """Model, data and task; on the page of recipes the model is the row's anchor, with what the fields filter by."""
    model = html.text(said(catalog.labels, recipe.model, lang))
    if section:
        link = html.link(f"{addresses.up(section)}recipes.html#{recipe.id}", model)
    else:
        facts = {"data_task": _slug(recipe.task), "data_optimizer": " ".join(c.id for c in recipe.optimizers)}
        link = html.link(f"#{recipe.id}", model, id=recipe.id, **facts)
    more = [said(catalog.labels, text, lang) for text in (recipe.data, recipe.task if section else "") if text]
    result = recipe.result.get(lang)
    return lines_of(f"<strong>{link}</strong>", html.text(word("comma", lang).join(more)), html.text(result or ""))


def _settings(catalog: Catalog, recipe: Recipe, section: str, lang: str, here: str) -> str:
    lines = [_optimizer(catalog, recipe.optimizer, section, lang, here)]
    for name, choice in (("others", recipe.others), ("then", recipe.then)):
        if choice:
            lines.append(f"{word(name, lang)} {_optimizer(catalog, choice, section, lang, here)}")
    more = recipe_text.more(catalog.labels, recipe, lang)
    return lines_of(*lines, html.text(word("semicolon", lang).join(more)), small(recipe.note.get(lang)))


def _optimizer(catalog: Catalog, choice: Choice, section: str, lang: str, here: str) -> str:
    arguments = recipe_text.arguments(choice)
    return f"{_entry(catalog, choice.id, section, lang, here)} {html.code(arguments) if arguments else ''}".rstrip()


def _schedule(catalog: Catalog, recipe: Recipe, section: str, lang: str, here: str) -> str:
    form = html.text(recipe_text.form(catalog.labels, recipe, lang))
    schedule = recipe.schedule
    if schedule and schedule.id in catalog.by_id and schedule.id != here:
        form = html.link(addresses.entry_href(catalog.by_id[schedule.id], section), form)
    warmup, length = recipe_text.warmup(catalog.labels, recipe, lang), recipe_text.length(catalog.labels, recipe, lang)
    return lines_of(html.text(warmup), form, html.text(length))


def source(catalog: Catalog, source: Source, section: str, lang: str) -> str:
    """Where a record is published, as the cell of a table."""
    if source.paper:
        paper = catalog.papers[source.paper]
        href = f"{addresses.up(section)}papers.html#{source.paper}"
        cite = html.link(href, html.text(paper.short(lang)), class_="cite", title=paper.title)
        return f"{cite}{word('comma', lang)}{html.text(said(catalog.labels, source.place, lang))}"
    files = [
        html.link(address, html.text(name.rpartition("/")[2]), title=f"{name} ({source.commit})", rel="noopener")
        for name, address in source.links
    ]
    origin = html.link(f"https://github.com/{source.repository}", html.text(source.repository), rel="noopener")
    fork = f"{word('fork', lang)} {source.fork}" if source.fork else ""
    return lines_of(origin, word("comma", lang).join(files), small(fork))


def _entry(catalog: Catalog, id_: str, section: str, lang: str, here: str) -> str:
    entry = catalog.by_id[id_]
    if id_ == here:
        return html.text(short(entry, lang))
    return html.link(addresses.entry_href(entry, section), html.text(short(entry, lang)))


def short(entry: Entry, lang: str) -> str:
    """A title without what stands in brackets behind it."""
    return re.split(r" ?[(（]", entry.title(lang))[0]


def _slug(task: str) -> str:
    return re.sub(r"\W+", "-", task).lower()


def small(text: str | None) -> str:
    """A note below a cell's lines; nothing for none."""
    return f"<small>{html.text(text)}</small>" if text else ""


def lines_of(*parts: str) -> str:
    """A cell's parts, a line each."""
    return "<br>".join(part for part in parts if part)
