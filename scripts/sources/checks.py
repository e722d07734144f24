"""Every promise that the sources must keep before anything runs."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator

from scripts import formulas
from scripts.problems import BuildError, Problem
from scripts.sources import (
    causes,
    check_docstrings,
    check_imports,
    check_links,
    check_markdown,
    check_names,
    check_recipes,
    frontmatter,
    layers,
    marks,
    outline,
    pitfalls,
    recipes,
    terms,
    typography,
)
from scripts.sources.catalog import Catalog, load
from scripts.sources.check_names import hint
from scripts.sources.pages import Entry, Page

LONGEST = 160  # characters of a line of prose
# What `--8<--` may name beside the snippets of the entry's room: tables that the build makes, by whose page it is.
OF_ENTRY = ("facts", "checkups", "crossed")
OF_SECTION = ("comparison", "timeline", "picker", "ticks", "calculator", "story", "networks")
OF_SITE = (
    "papers",
    "names",
    "torch",
    "timeline",
    "tags",
    "sections",
    "recipes",
    "layers",
    "bugs",
    "crossed-counts",
    "reader",
    "reader-counts",
    "picker",
    "tasks",
    "ask",
    "verified",
)


def inspect(catalog: Catalog) -> Iterator[Problem]:
    """All problems of the sources, in no particular order."""
    checks: tuple[Callable[[Catalog], Iterable[Problem]], ...] = (
        check_names.check_ids,
        check_names.check_related,
        check_names.check_fixes,
        check_names.check_tags,
        check_names.check_points,
        check_names.check_addresses,
        check_outline,
        check_causes,
        check_recipes.check_recipes,
        check_recipes.check_layers,
        check_recipes.check_accuracies,
        check_recipes.check_shown,
        check_lines,
        check_marks,
        check_markdown.check,
        check_docstrings.check,
        check_imports.check,
        check_includes,
        check_claims,
        check_citations,
        check_links.check,
        check_links.check_tasks,
        check_pitfalls,
        check_formulas,
        check_parity,
        check_terms,
        check_typography,
    )
    for check in checks:
        yield from check(catalog)


def _pages(catalog: Catalog) -> Iterator[tuple[Entry, Page]]:
    for entry in catalog.entries:
        for page in entry.pages.values():
            yield entry, page


def check_outline(catalog: Catalog) -> Iterator[Problem]:
    """Every entry's page has the sections of its kind."""
    for entry in catalog.techniques:
        kind = outline.kind_of(entry)
        if kind not in outline.KINDS:
            line = frontmatter.line_of(entry.en.text, "kind")
            yield Problem(
                entry.en.path, line, f"'{kind}' is no kind of page", f"Known are: {', '.join(outline.KINDS)}."
            )
        else:
            yield from outline.check(entry)


def check_causes(catalog: Catalog) -> Iterator[Problem]:
    """No cause of a symptom without its bug."""
    yield from causes.check(catalog.entries, catalog.tests)


def check_lines(catalog: Catalog) -> Iterator[Problem]:
    """One sentence or claim a line, so that a change of one can be read; tables and formulas cannot be broken."""
    for _, page in _pages(catalog):
        for number, line in enumerate(page.body.splitlines(), page.body_line):
            if len(line) > LONGEST and not line.lstrip().startswith(("|", "$$", "![", "--8<--")):
                remedy = "Begin a new line after a sentence or a claim; in the Chinese edition it leaves no gap."
                yield Problem(page.path, number, f"the line has {len(line)} characters, over {LONGEST}", remedy)


def check_marks(catalog: Catalog) -> Iterator[Problem]:
    """No mark is mistyped, so that none is published as plain text."""
    for _, page in _pages(catalog):
        for line, piece in marks.suspects(page.body, page.body_line):
            yield Problem(page.path, line, f"a mark that is not understood: {piece[:80]}", "See CONTRIBUTING.md.")


def check_includes(catalog: Catalog) -> Iterator[Problem]:
    """Snippets exist and stand on exactly one page; an entry shows its facts."""
    for entry, page in _pages(catalog):
        for mark in page.of("include"):
            if entry.is_technique and (recipes.chosen(mark.target) or layers.chosen(mark.target)):
                continue  # check_recipes sees to these
            if causes.is_symptom(entry) and causes.chosen(mark.target):
                yield from _known_cause(entry, page, mark)
                continue
            known = [*made_for(entry), *(snippet.file for snippet in entry.snippets)]
            name, _, shown = mark.target.partition("#")
            if name.endswith(".py") and name not in known:
                path = f"snippets/{entry.section}/{entry.id.replace('-', '_')}/{name}"
                remedy = hint(name, known, "Write it, or take the include out.")
                yield Problem(page.path, mark.line, f"missing snippet {path}", remedy)
            elif snippet := entry.snippet(name):
                for part in filter(None, shown.split(",")):
                    if part not in snippet.parts:
                        remedy = hint(part, snippet.parts, "Name a function or class of the file.")
                        yield Problem(page.path, mark.line, f"{snippet.path} has no '{part}' to highlight", remedy)
            elif mark.target not in known:
                remedy = hint(mark.target, known, f"Here can stand: {', '.join(known)}.")
                yield Problem(page.path, mark.line, f"nothing is generated as '{mark.target}' on this page", remedy)
        if (
            entry.is_technique
            and not causes.is_symptom(entry)
            and "facts" not in [mark.target for mark in page.of("include")]
        ):
            remedy = 'Put --8<-- "facts" under the title.'
            yield Problem(page.path, page.body_line, "the page does not show its fact line", remedy)
    places = catalog.embedded_in()
    for snippet in catalog.snippets:
        english = [place for place in places.get(snippet.path, []) if place.startswith("docs/en/")]
        if not english:
            yield Problem(
                snippet.path, 1, "this snippet stands on no page", "Embed it in its entry's page, or remove it."
            )
        elif len(english) > 1:
            yield Problem(
                snippet.path, 1, f"this snippet stands on several pages: {', '.join(english)}", "Embed it once."
            )


def _known_cause(entry: Entry, page: Page, mark: marks.Mark) -> Iterator[Problem]:
    """What a page shows of a cause is of one of its own."""
    ids = [cause.id for cause in causes.of(entry)]
    if (choice := causes.chosen(mark.target)) and choice[1] not in ids:
        remedy = hint(choice[1], ids, "Name a cause of the front matter.")
        yield Problem(page.path, mark.line, f"'{choice[1]}' is no cause of this page", remedy)


def made_for(entry: Entry) -> tuple[str, ...]:
    """Names of the tables that this page may include."""
    if not entry.section:
        return OF_SITE
    return OF_ENTRY if entry.is_technique else OF_SECTION


def check_claims(catalog: Catalog) -> Iterator[Problem]:
    """Every claim has a test of its name."""
    for entry, page in _pages(catalog):
        tests = catalog.tests.get(entry.test, {})
        for mark in page.of("claim"):
            name = f"test_{mark.target}"
            if name not in tests:
                remedy = hint(name, tests, f"Write it in {entry.test}, or take the claim back.")
                message = f"the claim '{mark.target}' has no test {entry.test}::{name}"
                yield Problem(page.path, mark.line, message, remedy)


def check_citations(catalog: Catalog) -> Iterator[Problem]:
    """Cited papers are known, known papers are cited."""
    used = set()
    for _, page in _pages(catalog):
        cited = [(key, frontmatter.line_of(page.text, "papers")) for key in page.meta.get("papers") or []]
        cited += [(key.strip()[1:], mark.line) for mark in page.of("cite") for key in mark.target.split(";")]
        for key, line in cited:
            used.add(key)
            if key not in catalog.papers:
                remedy = hint(key, catalog.papers, "Add the paper to docs/papers.bib.")
                yield Problem(page.path, line, f"unknown paper '{key}'", remedy)
    used |= {recipe.source.paper for recipe in catalog.recipes}
    for key, paper in catalog.papers.items():
        if key not in used:
            remedy = "Cite it where it belongs, or remove it."
            yield Problem("docs/papers.bib", paper.line, f"no page uses the paper '{key}'", remedy)


def check_pitfalls(catalog: Catalog) -> Iterator[Problem]:
    """Every pitfall has an address of its own, the same in both editions."""
    yield from pitfalls.check(catalog.entries)


def check_formulas(catalog: Catalog) -> Iterator[Problem]:
    """KaTeX can read every formula."""
    for _, page in _pages(catalog):
        for mark in page.of("formula"):
            try:
                formulas.render(mark.target, mark.scheme == "display")
            except formulas.FormulaError as error:
                remedy = "Mend the TeX; before a dollar sign that begins no formula, write a backslash."
                yield Problem(page.path, mark.line, f"not readable as a formula: {error}", remedy)


def check_terms(catalog: Catalog) -> Iterator[Problem]:
    """The Chinese edition has one word for one thing."""
    chinese = [page for _, page in _pages(catalog) if page.lang == "zh"]
    yield from terms.check(terms.load(catalog.root), chinese, terms.data(catalog.root))


def check_typography(catalog: Catalog) -> Iterator[Problem]:
    """Numbers and signs are written in one way."""
    yield from typography.check(page for _, page in _pages(catalog))


def check_parity(catalog: Catalog) -> Iterator[Problem]:
    """Both editions have the same headings, pieces, claims, citations, figures, links and display formulas."""
    kinds: dict[str, Callable[[marks.Mark], str]] = {
        "heading": lambda mark: f"{'#' * mark.level} {mark.target if mark.level > 1 else ''}",
        "include": lambda mark: mark.target,
        "embed": lambda mark: f"{mark.scheme}:{mark.target}",
    }
    unordered: dict[str, Callable[[marks.Mark], str]] = {
        "claim": lambda mark: mark.target,
        "cite": lambda mark: mark.target,
        "link": lambda mark: mark.target,
        "formula": lambda mark: " ".join(mark.target.split()),
    }
    for entry in catalog.entries:
        english, chinese = entry.pages["en"], entry.pages["zh"]
        for kind, label in (kinds | unordered).items():
            sides = [
                [(label(mark), mark.line) for mark in page.of(kind) if mark.scheme != "inline"]
                for page in (english, chinese)
            ]
            if kind in unordered:  # a sentence may move within its section, not vanish
                sides = [sorted(side) for side in sides]
            yield from _compare(english, chinese, kind, *sides)


def _compare(
    english: Page, chinese: Page, kind: str, left: list[tuple[str, int]], right: list[tuple[str, int]]
) -> Iterator[Problem]:
    names = {"include": "piece", "embed": "figure or table", "cite": "citation"}
    matcher = difflib.SequenceMatcher(a=[text for text, _ in left], b=[text for text, _ in right], autojunk=False)
    for what, a_start, a_end, b_start, b_end in matcher.get_opcodes():
        if what == "equal":
            continue
        for text, line in left[a_start:a_end]:
            remedy = f"Bring {chinese.path} into step."
            yield Problem(
                english.path, line, f"the {names.get(kind, kind)} '{text}' is not, or elsewhere, in Chinese", remedy
            )
        for text, line in right[b_start:b_end]:
            remedy = (
                f"Bring it into step with {english.path}; Chinese headings carry the English anchor, {{#how-it-works}}."
            )
            yield Problem(
                chinese.path, line, f"the {names.get(kind, kind)} '{text}' is not, or elsewhere, in English", remedy
            )


def main() -> int:
    """Inspect the repository's sources; print what is wrong."""
    try:
        problems = sorted(set(inspect(load())))
    except BuildError as error:
        problems = error.problems
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
