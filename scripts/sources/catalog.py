"""What the guide holds: pages in both languages, papers, snippets and tests, read from the folders.

Imports no torch and writes nothing. Everything later in the build takes its facts from here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from scripts.memory import remembered
from scripts.problems import ROOT, Problem, stop_on
from scripts.sources import (
    accuracies,
    causes,
    frontmatter,
    labels,
    layers,
    reading,
    recipes,
    records,
    sections,
    snippets,
    symptoms,
    tasks,
    ticks,
)
from scripts.sources.accuracies import Accuracy
from scripts.sources.layers import Layer
from scripts.sources.pages import LANGUAGES, Entry, Page
from scripts.sources.papers import Paper, load_papers
from scripts.sources.recipes import Recipe
from scripts.sources.sections import Family, Section
from scripts.sources.snippets import PLANTED, Snippet
from scripts.sources.symptoms import Symptom, Tag
from scripts.sources.tasks import Task
from scripts.sources.ticks import Part

SITE = "site"  # what the pages of no section are called in docs/search/


@dataclass
class Catalog:
    """All that the guide holds. ``tests`` maps a test file to its test functions and their lines; ``labels`` English
    words to Chinese.

    ``entries`` are in the order of the guide: pages of no section, then each section's index and its techniques.
    """

    root: Path
    sections: list[Section]
    entries: list[Entry]
    papers: dict[str, Paper]
    snippets: list[Snippet]
    tests: dict[str, dict[str, int]]
    symptoms: list[Symptom]
    tags: list[Tag]
    recipes: list[Recipe]
    layers: list[Layer]
    accuracies: list[Accuracy]
    labels: dict[str, str]
    checklist: list[Part]
    tasks: list[Task]

    @cached_property
    def techniques(self) -> list[Entry]:
        """Technique pages, in the guide's order."""
        return [entry for entry in self.entries if entry.is_technique]

    @cached_property
    def by_id(self) -> dict[str, Entry]:
        """Techniques by id."""
        return {entry.id: entry for entry in self.techniques}

    def in_section(self, section: str) -> list[Entry]:
        """The techniques of one section, in the order of its families."""
        return [entry for entry in self.techniques if entry.section == section]

    def families(self, section: str) -> list[tuple[Family, list[Entry]]]:
        """The families of one section, each with its entries."""
        found = next(known for known in self.sections if known.id == section)
        members = {entry.id: entry for entry in self.in_section(section)}
        return [(family, [members[id_] for id_ in family.entries]) for family in found.families]

    def index_of(self, section: str) -> Entry | None:
        """The index page of a section."""
        return next((entry for entry in self.entries if entry.section == section and entry.id == "index"), None)

    def tagged(self, tag: str) -> list[Entry]:
        """The techniques that bear a tag, in the guide's order."""
        return [entry for entry in self.techniques if tag in entry.facts("tags")]

    @cached_property
    def related_to(self) -> dict[str, list[Entry]]:
        """Id of a technique -> the techniques that name it as related."""
        found: dict[str, list[Entry]] = {}
        for entry in self.techniques:
            for other in dict.fromkeys(entry.facts("related")):
                found.setdefault(other, []).append(entry)
        return found

    @cached_property
    def symptoms_of(self) -> dict[str, list[Symptom]]:
        """Id of a technique -> the symptoms that it may mend."""
        found: dict[str, list[Symptom]] = {}
        for symptom in self.symptoms:
            for fix in dict.fromkeys(symptom.fixes):
                found.setdefault(fix, []).append(symptom)
        return found

    def embedded_in(self) -> dict[str, list[str]]:
        """Snippet path -> the pages and lines that embed it."""
        places: dict[str, list[str]] = {}
        for entry in self.entries:
            for page in entry.pages.values():
                for mark in page.of("include"):
                    for snippet in shown(entry, mark.target):
                        places.setdefault(snippet.path, []).append(f"{page.path}:{mark.line}")
        return places


def shown(entry: Entry, target: str) -> list[Snippet]:
    """The snippets that ``--8<-- "target"`` shows whole: one of the room, or the two programs of a cause."""
    what, name = causes.chosen(target) or ("", "")
    if what != "bug":
        return [snippet] if (snippet := entry.snippet(target)) else []
    pairs = [causes.program(entry, cause, role) for cause in causes.of(entry) if cause.id == name for role in PLANTED]
    return [snippet for snippet in pairs if snippet]


def load(root: Path = ROOT) -> Catalog:
    """Read the tree below ``root``.

    Raises:
        BuildError: for files that cannot be read as what they are, for pages in one language only, for entries that no
            family lists, and for snippets outside of a room.
    """
    pages = _load_pages(root)
    listed = sections.load(root)
    stop_on([*_unlisted(pages, listed), *_homeless(root, pages)])
    found = snippets.load(root)
    stop_on(_unreadable(found))
    entries = _entries(root, pages, listed, found)
    return Catalog(
        root=root,
        sections=[section for section in listed if any(entry.section == section.id for entry in entries)],
        entries=entries,
        papers=load_papers(root / "docs" / "papers.bib", "docs/papers.bib"),
        snippets=found,
        tests=_load_tests(root),
        symptoms=symptoms.of_pages(entries),
        tags=symptoms.load_tags(root),
        recipes=recipes.load(root),
        layers=layers.load(root),
        accuracies=accuracies.load(root),
        labels=labels.load(root),
        checklist=ticks.load(root),
        tasks=tasks.load(root),
    )


def _load_pages(root: Path) -> dict[str, dict[str, Page]]:
    """Every page by its name, in each of its languages."""
    problems: list[Problem] = []
    pages: dict[str, dict[str, Page]] = {}
    for lang in LANGUAGES:
        for path in sorted((root / "docs" / lang).rglob("*.md")):
            page, found = _load_page(root, path, lang)
            problems += found
            pages.setdefault(page.name, {})[lang] = page
    for name, editions in pages.items():
        for lang in LANGUAGES:
            if lang not in editions:
                there = next(iter(editions.values())).path
                remedy = f"Write docs/{lang}/{name}: both editions hold the same pages."
                problems.append(Problem(there, 1, "this page exists in one language only", remedy))
    stop_on(problems)
    return pages


def _load_page(root: Path, path: Path, lang: str) -> tuple[Page, list[Problem]]:
    name = path.relative_to(root).as_posix()
    text = reading.text(path, name)
    return _parse_page(name, path.relative_to(root / "docs" / lang).as_posix(), lang, text)


@cache
def _parse_page(path: str, name: str, lang: str, text: str) -> tuple[Page, list[Problem]]:
    meta, body, body_line, problems = frontmatter.split(text, path)
    page = Page(path, name, lang, text, meta, body, body_line)
    parts = name.split("/")
    is_entry = len(parts) == 2 and parts[1] != "index.md"
    problems = [*reading.unseen(text, path), *problems]
    return page, problems or list(frontmatter.check(meta, text, path, lang, is_entry))


def _unlisted(pages: dict[str, dict[str, Page]], listed: list[Section]) -> Iterator[Problem]:
    """Pages of unknown sections, entries that stand in no family, and listed entries without a page."""
    order = {section.id: section.entries for section in listed}
    there = set()
    for name, editions in pages.items():
        section, _, file = name.rpartition("/")
        entry = file.removesuffix(".md")
        there.add((section, entry))
        if section and section not in order:
            remedy = f"List the section in {sections.FILE}, in its place, or move the page."
            yield Problem(editions["en"].path, 1, f"'{section}' is no section of the guide", remedy)
        elif section and entry != "index" and entry not in order[section]:
            remedy = f"Add '{entry}' to a family of the section in {sections.FILE}."
            yield Problem(editions["en"].path, 1, f"no family of '{section}' lists this entry", remedy)
    for known in listed:
        for entry in known.entries:
            if (known.id, entry) not in there:
                remedy = f"Write docs/en/{known.id}/{entry}.md, or take it out of the family."
                line = known.lines[entry]
                yield Problem(sections.FILE, line, f"'{entry}' of section '{known.id}' has no page", remedy)


def _homeless(root: Path, pages: dict[str, dict[str, Page]]) -> Iterator[Problem]:
    """Snippets that lie in no entry's room, and rooms without an entry."""
    for path in snippets.misplaced(root):
        remedy = f"Put it into its entry's folder, snippets/<section>/<id_>/, as {snippets.KNOWN}."
        yield Problem(path, 1, "this snippet lies in no entry's room", remedy)
    rooms = {name.removesuffix(".md").replace("-", "_") for name in pages}
    for folder in sorted((root / "snippets").glob("*/*/")):
        room = folder.relative_to(root / "snippets").as_posix()
        files = sorted(folder.glob("*.py"))
        if room not in rooms and files:
            first = files[0].relative_to(root).as_posix()
            remedy = "Name the folder as the page, with _ for -, or write the page."
            yield Problem(first, 1, f"there is no page docs/en/{room.replace('_', '-')}.md for this room", remedy)


def _unreadable(found: list[Snippet]) -> Iterator[Problem]:
    for snippet in found:
        try:
            snippet.data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = snippet.data[: error.start].count(b"\n") + 1
            yield Problem(snippet.path, line, "the file is not UTF-8 text", "Save it as UTF-8.")


def _entries(root: Path, pages: dict[str, dict[str, Page]], listed: list[Section], found: list[Snippet]) -> list[Entry]:
    """Every entry in the guide's order, with what lies in its room."""
    asked = {(section, lang): _asked(root, section, lang, pages) for section, lang in _search_files(listed)}
    rooms: dict[str, list[Snippet]] = {}
    for snippet in found:
        rooms.setdefault(snippet.room, []).append(snippet)
    entries = []
    for name, editions in pages.items():
        section, _, file = name.rpartition("/")
        entry = file.removesuffix(".md")
        shown = [file for mark in editions["en"].of("include") for file in _files(mark.target)]
        room = sorted(
            rooms.get(f"{section}/{entry.replace('-', '_')}", []),
            key=lambda s: shown.index(s.file) if s.file in shown else len(shown),
        )
        phrases = {lang: tuple(asked[section or SITE, lang].get(entry, [])) for lang in LANGUAGES}
        entries.append(Entry(section, entry, editions, tuple(room), phrases))
    places = {section.id: place for place, section in enumerate(listed)}
    order = {(section.id, entry): place for section in listed for place, entry in enumerate(section.entries)}
    return sorted(
        entries, key=lambda e: (places.get(e.section, -1), e.is_technique, order.get((e.section, e.id), 0), e.id)
    )


def _files(target: str) -> tuple[str, ...]:
    """Names of the snippets that an include shows, in order."""
    what, cause = causes.chosen(target) or ("", "")
    if what != "bug":
        return (target.partition("#")[0],)
    return tuple(f"{role}_{cause.replace('-', '_')}.py" for role in PLANTED)


def _search_files(listed: list[Section]) -> Iterator[tuple[str, str]]:
    for section in [SITE, *(section.id for section in listed)]:
        for lang in LANGUAGES:
            yield section, lang


def _asked(root: Path, section: str, lang: str, pages: dict[str, dict[str, Page]]) -> dict[str, list[str]]:
    """Phrases by entry, as docs/search/ lists them for one section and language."""
    name = f"docs/search/{section}.{lang}.yaml"
    text, phrases = records.phrases(root, name)
    folder = "" if section == SITE else f"{section}/"
    remedy = "Name a page of the section, or remove the phrases."
    stop_on(
        Problem(name, records.line_of(text, entry), f"'{entry}' is no page here", remedy)
        for entry in phrases
        if f"{folder}{entry}.md" not in pages
    )
    return phrases


def _load_tests(root: Path) -> dict[str, dict[str, int]]:
    tests: dict[str, dict[str, int]] = {}
    for path in sorted((root / "tests" / "snippets").rglob("test_*.py")):
        name = path.relative_to(root).as_posix()
        try:
            tests[name] = _test_lines(reading.text(path, name))
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None) or 1
            stop_on([Problem(name, line, f"not valid Python: {getattr(error, 'msg', error)}", "Mend the test file.")])
    return tests


@remembered
def _test_lines(text: str) -> dict[str, int]:
    """Each test function of a test file's text, and its line."""
    functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    return {function.name: function.lineno for function in functions if function.name.startswith("test_")}
