"""The pages as plain Markdown that stands alone: everything the page shows, tables and numbers included."""

from __future__ import annotations

import csv
import io
import re

from markdownify import markdownify

from scripts.generate import addresses, proofs, symptom, tables
from scripts.generate.phrases import word
from scripts.generate.signs import target, written
from scripts.generate.site import Site
from scripts.generate.snippets import fence
from scripts.memory import remembered
from scripts.sources import causes, marks
from scripts.sources.pages import Entry, Page
from scripts.sources.snippets import Snippet

BLANK = re.compile(r"\n{3,}")
GROUP = re.compile(r'<tr class="group"><th[^>]*>(.*?)</th></tr>')
FILTER = re.compile(r'<div class="table-filter".*?</div>\s*', re.DOTALL)  # fields of a page that a script serves


def markdown(site: Site, entry: Entry, lang: str) -> str:
    """One page, code and outputs inlined, links made addresses of the site."""
    page = entry.pages[lang]
    have = site.artifacts(entry)

    def render(mark: marks.Mark) -> str | None:
        if mark.kind == "claim":
            return mark.text
        if mark.kind == "cite":
            papers = [site.catalog.papers[key.strip()[1:]] for key in mark.target.split(";")]
            return "; ".join(f"[{written(paper.short(lang))}]({target(paper.url)})" for paper in papers)
        if mark.kind == "embed":
            return _numbers(site, have, page, mark)
        if mark.kind == "heading":
            return f"{'#' * mark.level} {mark.text}"
        if mark.kind == "link":
            return f"[{mark.text}]({mark.target.replace('.md', '.html')})"
        if mark.kind == "include":
            return _included(site, entry, mark.target, lang)
        return None

    body = marks.replace(page.body, page.marks, render)
    return f"{_one_blank_line(body)}\n"


@remembered
def _one_blank_line(body: str) -> str:
    """At most one blank line between blocks; code stays as it is."""
    body, parts, place = body.strip("\n"), [], 0
    for block in marks.fences(body):
        parts += [BLANK.sub("\n\n", body[place : block.start]), body[block.start : block.end]]
        place = block.end
    return "".join([*parts, BLANK.sub("\n\n", body[place:])])


def _included(site: Site, entry: Entry, target: str, lang: str) -> str:
    if snippet := entry.snippet(target):
        return markdown_of(site, entry, snippet, lang)
    if target == "facts":
        return _facts(site, entry, lang)
    if causes.is_symptom(entry) and causes.chosen(target):
        return symptom.plain(site, entry, target, lang)
    made = FILTER.sub("", tables.made(site, entry, target, lang))
    return plain(made)


@remembered
def plain(made: str) -> str:
    """Generated HTML, with what Markdown stands in it, as Markdown alone."""
    made = GROUP.sub(r"<tr><td><strong>\1</strong></td></tr>", made)  # a heading within a table ends it in Markdown
    parts = re.split(r"^(#+ .*)$", made, flags=re.MULTILINE)
    return "\n\n".join(
        re.sub(r" *\{ *#[\w-]+ *\}$", "", part) if part.startswith("#") else markdownify(part).strip()
        for part in parts
        if part.strip()
    )


def markdown_of(site: Site, entry: Entry, snippet: Snippet, lang: str) -> str:
    """Code and output; of a program that imports files of this guide also where they are and how it is run."""
    result = site.report.first(snippet.path)
    output = result.output.rstrip() if result else ""
    text = fence(snippet.text, "python")
    if snippet.companions:
        command = f"`python -m {snippet.path.removesuffix('.py').replace('/', '.')}`"
        archive = f"[snippets.zip]({addresses.site_root(entry.section, lang)}snippets.zip)"
        text = f"{text}\n\n{word('runs_in_archive', lang).format(archive, command)}"
    return text + (f"\n\n{fence(output, 'text')}" if output else "")


def _numbers(site: Site, have: dict[str, str], page: Page, mark: marks.Mark) -> str:
    """A table, or a figure by its caption and the numbers that it shows where no table of the page has them."""
    label = f"*{written(mark.caption or mark.text)}*"
    data = have.get(mark.target if mark.scheme == "table" else page.numbers_of(mark.target) or "")
    if data is None:
        return label
    rows = [row for row in csv.reader(io.StringIO((site.catalog.root / data).read_text(encoding="utf-8"))) if row]
    cells = [[written(cell) for cell in row] for row in rows]
    head, *body = [f"| {' | '.join(row)} |" for row in cells]
    rule = "|" + " --- |" * len(cells[0])
    return "\n".join([label, "", head, rule, *body])


def _facts(site: Site, entry: Entry, lang: str) -> str:
    """What the page's fact line says."""
    papers = [site.catalog.papers[key] for key in entry.facts("papers")]
    lines = [f"> {written(entry.pages[lang].meta['summary'])}", ""]
    lines += [f"- {written(paper.short(lang))}: [{written(paper.title)}]({target(paper.url)})" for paper in papers]
    lines += [f"- `{name}`" for name in entry.facts("torch")]
    if result := next(filter(None, (site.report.first(snippet.path) for snippet in entry.snippets)), None):
        torch, device = result.release, proofs.device_of(result)
        proof = written(f"torch {torch}, {device}, {proofs.day_of(result)}")
        lines.append(f"- {word('verified_on', lang)}: {proof}")
    return "\n".join(lines)
