"""docs/papers.bib: every paper once, with a link to the original and to an archived copy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pybtex.database import BibliographyDataError, Entry, parse_string
from pybtex.scanner import PybtexSyntaxError

from scripts.problems import Problem, stop_on

ARCHIVE = "https://web.archive.org/web/"


@dataclass(frozen=True)
class Paper:
    """A paper; ``authors`` are family names in order, ``others`` says that the list goes on."""

    key: str
    title: str
    authors: tuple[str, ...]
    names: tuple[str, ...]
    others: bool
    year: int
    url: str
    line: int

    @property
    def archive(self) -> str:
        """An archived copy: the archive's newest snapshot of the original's address."""
        return ARCHIVE + self.url

    def short(self, lang: str = "en") -> str:
        """``He et al., 2015``; in Chinese ``He 等，2015``."""
        comma, etal, both = ("，", " 等", " 与 ") if lang == "zh" else (", ", " et al.", " and ")
        if len(self.authors) > 2 or self.others:
            who = self.authors[0] + etal
        else:
            who = both.join(self.authors)
        return f"{who}{comma}{self.year}"


def _plain(text: str) -> str:
    """BibTeX markup to Unicode text."""
    from pybtex.richtext import Text

    return str(Text.from_latex(text)) if re.search(r"[{}\\]", text) else text


def _url(fields: dict[str, str]) -> str:
    if "eprint" in fields:
        return f"https://arxiv.org/abs/{fields['eprint']}"
    if "doi" in fields:
        return f"https://doi.org/{fields['doi']}"
    return fields.get("url", "")


def _paper(key: str, entry: Entry, line: int) -> Paper | str:
    """The paper, or what is wrong with its record."""
    fields = {name.lower(): value.strip() for name, value in entry.fields.items()}
    people = entry.persons.get("author", [])
    missing = [name for name in ("title", "year") if not fields.get(name)]
    missing += [] if people else ["author"]
    missing += [] if _url(fields) else ["one of eprint, doi, url"]
    if missing:
        return f"paper '{key}' lacks {', '.join(missing)}"
    if not re.fullmatch(r"(1[89]|20)\d\d", fields["year"]):
        return f"paper '{key}' has the year '{fields['year']}'"
    if "eprint" in fields and not re.fullmatch(r"\d{4}\.\d{4,5}|[a-z-]+/\d{7}", fields["eprint"]):
        return f"paper '{key}' has the eprint '{fields['eprint']}', which is no arXiv id"
    named = [person for person in people if str(person) != "others"]

    def family(person: object) -> str:
        return _plain(" ".join(person.prelast_names + person.last_names))  # type: ignore[attr-defined]

    def full(person: object) -> str:
        return _plain(" ".join(person.first_names + person.middle_names) + " ").lstrip() + family(person)  # type: ignore[attr-defined]

    return Paper(
        key=key,
        title=_plain(fields["title"]),
        authors=tuple(family(person) for person in named),
        names=tuple(full(person) for person in named),
        others=len(named) < len(people),
        year=int(fields["year"]),
        url=_url(fields),
        line=line,
    )


def load_papers(path: Path, name: str) -> dict[str, Paper]:
    """All papers of the BibTeX file ``path`` by key; ``name`` is what error messages call the file.

    Raises:
        BuildError: for a file that is no BibTeX, a key used twice, or a record that lacks a needed field.
    """
    text = path.read_text(encoding="utf-8")
    try:
        entries = parse_string(text, "bibtex").entries
    except (PybtexSyntaxError, BibliographyDataError) as error:
        at = re.search(r"line (\d+)", str(error))
        repeated = re.search(r"repeated bibliography entry: (\S+)", str(error))
        if repeated:
            lines = [n for n, row in enumerate(text.splitlines(), 1) if repeated[1] in row]
            line = lines[-1] if lines else 1
        else:
            line = int(at[1]) if at else getattr(error, "lineno", None) or 1
        stop_on([Problem(name, line, f"not readable as BibTeX: {error}", "Mend the record; keys must be unique.")])
        raise
    keys = {
        match[1]: number
        for number, row in enumerate(text.splitlines(), 1)
        if (match := re.match(r"\s*@\w+\s*\{\s*([^,\s]+)", row))
    }
    read = {key: _paper(key, entry, keys.get(key, 1)) for key, entry in entries.items()}
    stop_on(
        Problem(name, keys.get(key, 1), found, "Look the fact up and add it: a reader must be able to find the paper.")
        for key, found in read.items()
        if isinstance(found, str)
    )
    return {key: found for key, found in read.items() if isinstance(found, Paper)}
