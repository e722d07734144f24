"""The page of tasks: what people train, and how, each with the causes to look at first."""

from __future__ import annotations

import itertools

from scripts.generate import html
from scripts.generate.addresses import entry_href
from scripts.generate.phrases import word
from scripts.generate.site import Site
from scripts.sources import causes, pitfalls
from scripts.sources.pages import Entry
from scripts.sources.tasks import Task


def tasks(site: Site, entry: Entry, lang: str) -> str:
    """Markdown: a line of links to the tasks, then each with its entries, and with the causes on their pages."""
    listed = site.catalog.tasks
    links = " ".join(html.link(f"#{task.id}", html.text(task.names[lang])) for task in listed)
    parts = [f'<nav class="letters" aria-label="{word("tasks", lang)}">{links}</nav>\n']
    return "\n".join([*parts, *(_task(site, entry, task, lang) for task in listed)])


def _task(site: Site, entry: Entry, task: Task, lang: str) -> str:
    pages = ((site.catalog.by_id[name], anchors) for name, anchors in task.see.items())
    items = "\n".join(_entry(entry, page, anchors, lang) for page, anchors in pages)
    return f'## {html.heading(task.names[lang])} {{#{task.id}}}\n\n<ul class="task">\n{items}\n</ul>\n'


def _entry(entry: Entry, page: Entry, anchors: tuple[str, ...], lang: str) -> str:
    address = entry_href(page, entry.section)
    places = anchors or tuple(cause.id for cause in causes.of(page))
    listed = "".join(
        f"<li>{html.link(f'{address}#{place}', html.inline(name(page, place, lang)))}</li>" for place in places
    )
    return f"<li>{html.entry_link(page, entry.section, lang)}<ul>{listed}</ul></li>"


def name(entry: Entry, anchor: str, lang: str) -> str:
    """What a heading or a pitfall of an entry's page says."""
    headings = (mark.text for mark in entry.pages[lang].of("heading") if mark.target == anchor)
    leads = (pitfall.lead.rstrip(".。") for pitfall in pitfalls.of(entry, lang) if pitfall.anchor == anchor)
    return next(itertools.chain(headings, leads))
