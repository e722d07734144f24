"""What the guide holds: pages in both languages, papers, snippets and tests, read from the folders.

Imports no torch and writes nothing. Everything later in the build takes its facts from here.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from scripts import frontmatter, markup, reading, records
from scripts.papers import Paper, load_papers
from scripts.problems import ROOT, Problem, stop_on

LANGUAGES = ("en", "zh")


@dataclass(frozen=True, eq=False)
class Page:
    """One Markdown file: ``path`` relative to the repository, ``name`` relative to its edition's folder.

    The same object while its text is the same, so what is derived from a page alone can be kept by page.
    """

    path: str
    name: str
    lang: str
    text: str
    meta: dict[str, Any]
    body: str
    body_line: int

    @cached_property
    def marks(self) -> list[markup.Mark]:
        """Every mark of the body, in reading order."""
        return markup.marks(self.body, self.body_line)

    def of(self, kind: str) -> list[markup.Mark]:
        """The marks of one kind."""
        return [mark for mark in self.marks if mark.kind == kind]


@dataclass(frozen=True)
class Entry:
    """One page in all its languages; a technique, or an index page (of a section, or of the site)."""

    section: str
    id: str
    pages: dict[str, Page]

    @property
    def is_technique(self) -> bool:
        """False for a section's index and for pages that belong to no section."""
        return bool(self.section) and self.id != "index"

    @property
    def en(self) -> Page:
        """The English page, which bears the language-neutral facts."""
        return self.pages["en"]

    @property
    def test(self) -> str:
        """Path of the entry's test file, there or not."""
        return f"tests/snippets/{self.section}/test_{self.id.replace('-', '_')}.py"

    def facts(self, key: str) -> list[str]:
        """A list from the English front matter."""
        return self.en.meta.get(key) or []

    def title(self, lang: str) -> str:
        """The page's title."""
        return str(self.pages[lang].meta["title"])

    @property
    def former(self) -> list[str]:
        """Names of the pages that this entry once had, as ``section/id``."""
        return [old if "/" in old else f"{self.section}/{old}" for old in self.facts("formerly")]

    @property
    def snippets(self) -> list[str]:
        """Paths of the snippets that the page embeds, in reading order."""
        return [path for mark in self.en.of("include") if (path := snippet_path(self.section, mark.target))]


def snippet_path(section: str, target: str) -> str | None:
    """``code/kaiming-init.md`` in section ``initialization`` -> ``snippets/initialization/kaiming_init.py``."""
    kind, _, rest = target.partition("/")
    if kind != "code" or not rest.endswith(".md"):
        return None
    return f"snippets/{section}/{rest.removesuffix('.md').replace('-', '_')}.py"


@dataclass
class Catalog:
    """All that the guide holds. ``tests`` maps a test file to its test functions and their lines."""

    root: Path
    sections: list[str]
    entries: list[Entry]
    papers: dict[str, Paper]
    snippets: list[str]
    tests: dict[str, dict[str, int]]
    symptoms: list[dict[str, Any]] = field(default_factory=list)
    tags: list[dict[str, str]] = field(default_factory=list)

    @cached_property
    def techniques(self) -> list[Entry]:
        """Technique pages, by section and order."""
        return [entry for entry in self.entries if entry.is_technique]

    @cached_property
    def by_id(self) -> dict[str, Entry]:
        """Techniques by id."""
        return {entry.id: entry for entry in self.techniques}

    def in_section(self, section: str) -> list[Entry]:
        """The techniques of one section, in the order of its navigation."""
        return [entry for entry in self.techniques if entry.section == section]

    def index_of(self, section: str) -> Entry | None:
        """The index page of a section."""
        return next((entry for entry in self.entries if entry.section == section and entry.id == "index"), None)

    def tagged(self, tag: str) -> list[Entry]:
        """The techniques that bear a tag, by section and order."""
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
    def symptoms_of(self) -> dict[str, list[dict[str, Any]]]:
        """Id of a technique -> the symptoms that it may mend."""
        found: dict[str, list[dict[str, Any]]] = {}
        for symptom in self.symptoms:
            for fix in dict.fromkeys(symptom["fixes"]):
                found.setdefault(fix, []).append(symptom)
        return found

    def embedded_in(self) -> dict[str, list[str]]:
        """Snippet path -> the pages and lines that embed it."""
        places: dict[str, list[str]] = {}
        for entry in self.entries:
            for page in entry.pages.values():
                for mark in page.of("include"):
                    if path := snippet_path(entry.section, mark.target):
                        places.setdefault(path, []).append(f"{page.path}:{mark.line}")
        return places


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


@cache
def _test_lines(text: str) -> dict[str, int]:
    """Each test function of a test file's text, and its line."""
    functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    return {function.name: function.lineno for function in functions if function.name.startswith("test_")}


def sections(root: Path) -> list[str]:
    """The guide's sections in their order, as mkdocs.yml lists them under ``extra.sections``."""
    text = reading.text(root / "mkdocs.yml", "mkdocs.yml")
    try:
        found = yaml.load(text, Loader=_config_loader())["extra"]["sections"]
        right = isinstance(found, list) and all(isinstance(section, str) for section in found)
    except (yaml.YAMLError, LookupError, TypeError, ValueError):
        right = False
    if not right:
        line = next((n for n, row in enumerate(text.splitlines(), 1) if row.startswith("  sections:")), 1)
        remedy = "Write extra: {sections: [names of the folders in docs/en]}."
        stop_on([Problem("mkdocs.yml", line, "extra.sections, the list of the guide's sections, is not there", remedy)])
    return list(found)


def load(root: Path = ROOT) -> Catalog:
    """Read the tree below ``root``.

    Raises:
        BuildError: for files that cannot be read as what they are, and for pages in one language only.
    """
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

    order = sections(root)
    entries = []
    for name, editions in pages.items():
        section, _, file = name.rpartition("/")
        entries.append(Entry(section, file.removesuffix(".md"), editions))
    known = {section: place for place, section in enumerate(order)}
    for entry in entries:
        if entry.section and entry.section not in known:
            remedy = "List the section under extra.sections in mkdocs.yml, in its place, or move the page."
            problems.append(Problem(entry.en.path, 1, f"'{entry.section}' is no section of the guide", remedy))
    stop_on(problems)
    entries.sort(
        key=lambda entry: (
            known.get(entry.section, -1),
            entry.is_technique,
            entry.en.meta.get("order", 0),
            entry.id,
        )
    )
    return Catalog(
        root=root,
        sections=[section for section in order if any(entry.section == section for entry in entries)],
        entries=entries,
        papers=load_papers(root / "docs" / "papers.bib", "docs/papers.bib"),
        snippets=sorted(path.relative_to(root).as_posix() for path in (root / "snippets").rglob("*.py")),
        tests=_load_tests(root),
        symptoms=records.load(root, "docs/symptoms.yaml", ("id", "symptom", "symptom_zh"), ("fixes",), ("aliases",)),
        tags=records.load(root, "docs/tags.yaml", ("id", "en", "zh")),
    )


def _config_loader() -> type[yaml.SafeLoader]:
    """A loader that passes over the tags of mkdocs.yml (!ENV, !!python/name), which do not matter here."""

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("", lambda loader, suffix, node: None)
    return Loader
