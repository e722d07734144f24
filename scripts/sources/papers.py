"""docs/papers.bib: every paper once, with a link to the original and to an archived copy.

What a record says reaches pages, addresses and data as plain text: BibTeX's escapes are resolved here, and what is
left of them is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from pybtex.database import Entry, Person, parse_string
from pybtex.exceptions import PybtexError
from pybtex.richtext import Text

from scripts.problems import Problem, stop_on
from scripts.sources import reading

ARCHIVE = "https://web.archive.org/web/"
KEY = re.compile(r"[\w:-]+")
RECORD = re.compile(r"\s*@\w+\s*[{(]\s*([^,\s]+)")
ARXIV = re.compile(r"(\d{4}\.\d{4,5}|[a-z-]+(\.[A-Z]{2})?/\d{7})(v\d+)?")
DOI = re.compile(r"10\.\d{4,9}(\.\d+)*/[!-~]+")
# RFC 3986, with a host that the whole world knows.
ADDRESS = re.compile(
    r"https?://[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:\d+)?([/?#]([A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)?"
)
DOTLESS = re.compile(r"(\\(?:[\"'^`~=.]|[uvHbcdr](?![A-Za-z])))\s*\{\s*\\([ij])\s*(?:\{\})?\s*\}")  # \"{\i}
TILDE = re.compile(r"\$\\sim\$|\{?\\(?:textasciitilde|~|sim)(?![A-Za-z])(?:\s*\{\}|\s*\})?")
LEFT = re.compile(r"\\[A-Za-z]+|\\.|[\\{}]")
SIGN = re.compile(r"[&;]|\band\b", re.IGNORECASE)  # between two names, where BibTeX takes one
NO_NAME = re.compile(r"[\\{}$<>\[\]|*_`^#%@;]|\bet\.? al\b")


class _Wrong(ValueError):
    """What is wrong with a record: the field, the message and the remedy."""


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


def _plain(text: str, field: str) -> str:
    """BibTeX markup as Unicode text; raises :class:`_Wrong` for what has no such text."""
    kept = text.replace(r"\$", "\x00")
    if "$" in kept:
        raise _Wrong(field, f"a formula: {text}", "Write its symbols as Unicode text, as in 'ℓ₁ norm'.")
    if re.search(r"[{}\\~`']|--", kept):
        try:
            kept = str(Text.from_latex(DOTLESS.sub(r"\1{\2}", kept)))
        except (PybtexError, ValueError, RecursionError) as error:  # a codec's error is a ValueError
            raise _Wrong(field, f"not readable as BibTeX: {error}", "Mend the braces.") from None
    if left := LEFT.search(kept):
        remedy = "Write the character itself, the file is UTF-8; leave commands out."
        raise _Wrong(field, f"'{left.group()}' is not understood", remedy)
    return re.sub(r"[ \t\n]+", " ", kept.replace("\x00", "$")).strip()


def _unescaped(text: str) -> str:
    """An address or DOI without the escapes that reference managers write into it."""
    text = re.sub(r"\\url\s*\{(.*)\}", r"\1", text, flags=re.DOTALL)
    text = TILDE.sub("~", text.replace(r"\textunderscore", r"\_"))
    return re.sub(r"\\([_%&#$~{}])|[{}]", lambda match: match[1] or "", text).strip()


def _url(fields: dict[str, str]) -> str:
    """Where the original lies: on arXiv, else by its DOI, else at the address given."""
    archive = fields.get("archiveprefix") or fields.get("eprinttype") or "arxiv"
    if "eprint" in fields and archive.lower() == "arxiv":
        identifier = re.sub(r"^arxiv:\s*", "", fields["eprint"], flags=re.IGNORECASE)
        if not ARXIV.fullmatch(identifier):
            remedy = "Write 2001.00001 or math.GT/0309136, or leave the field out and give doi or url."
            raise _Wrong("eprint", f"the eprint '{fields['eprint']}', which is no arXiv id", remedy)
        return f"https://arxiv.org/abs/{identifier}"
    if "doi" in fields:
        doi = _unescaped(fields["doi"])
        if bare := re.match(r"https?://(?:dx\.)?doi\.org/", doi):
            doi = unquote(doi[bare.end() :])
        doi = re.sub(r"^doi:\s*", "", doi, flags=re.IGNORECASE)
        if not DOI.fullmatch(doi):
            raise _Wrong("doi", f"the doi '{fields['doi']}', which is none", "Write it as 10.1000/182.")
        return f"https://doi.org/{quote(doi, safe='/:;()._-~!*,@=+$&')}"
    if "url" in fields:
        url = _unescaped(fields["url"])
        if not ADDRESS.fullmatch(url):
            remedy = "Write it as a browser shows it, from https:// on; other characters as %20."
            raise _Wrong("url", f"the url '{fields['url']}', which is no web address", remedy)
        return url
    remedy = "Look the fact up and add it: a reader must be able to find the paper."
    raise _Wrong("", "lacks one of eprint, doi, url", remedy)


def _outer(text: str) -> str:
    """What stands in no braces."""
    before = ""
    while text != before:  # innermost first
        text, before = re.sub(r"\{[^{}]*\}", "", text), text
    return text


def _people(persons: list[Person]) -> tuple[list[str], list[str]]:
    """Family names and whole names of the authors."""
    if any(SIGN.search(_outer(str(person))) for person in persons):
        raise _Wrong(
            "author",
            "authors not joined by one 'and'",
            "Join them so; a name that holds 'and' or a sign goes in braces.",
        )
    families, names = [], []
    for person in persons:
        family = _plain(" ".join(person.prelast_names + person.last_names), "author")
        given = _plain(" ".join(person.first_names + person.middle_names), "author")
        name = " ".join(filter(None, [given, family, _plain(" ".join(person.lineage_names), "author")]))
        if not family or NO_NAME.search(name):
            remedy = "Write 'Family, Given and Family, Given', and 'and others' where the list goes on."
            raise _Wrong("author", f"'{name}' is no name of a person", remedy)
        families.append(family)
        names.append(name)
    return families, names


def _paper(key: str, entry: Entry, parent: Entry | None, line: int) -> Paper:
    """The paper; raises :class:`_Wrong` with what is wrong with its record."""
    fields = {name.lower(): value.strip() for name, value in entry.fields.items()}
    if parent and "year" not in fields and "year" in parent.fields:
        fields["year"] = parent.fields["year"].strip()  # all else that a volume has is its own
    people = entry.persons.get("author", [])
    missing = [name for name in ("title", "year") if not fields.get(name)]
    missing += [] if people else ["author"]
    if missing:
        remedy = "Look the fact up and add it: a reader must be able to find the paper."
        raise _Wrong("", f"lacks {', '.join(missing)}", remedy)
    if not KEY.fullmatch(key):
        raise _Wrong("", "a key that no page can cite", "Use letters, digits, '_', '-' and ':' alone.")
    if not re.fullmatch(r"(1[89]|20)\d\d", fields["year"], re.ASCII):
        raise _Wrong("year", f"the year '{fields['year']}'", "Write the four digits of the year it appeared.")
    title = _plain(fields["title"], "title")
    if not title:
        raise _Wrong("title", "a title without text", "Look the title up.")
    named = [person for person in people if str(person) != "others"]
    families, names = _people(named)
    if not names:
        raise _Wrong("author", "no author by name", "Name the first author at least.")
    return Paper(
        key=key,
        title=title,
        authors=tuple(families),
        names=tuple(names),
        others=len(named) < len(people),
        year=int(fields["year"]),
        url=_url({name: value for name, value in fields.items() if value}),
        line=line,
    )


def load_papers(path: Path, name: str) -> dict[str, Paper]:
    """All papers of the BibTeX file ``path`` by key; ``name`` is what error messages call the file.

    A record that others name as ``crossref`` is the volume that they stand in, and no paper itself.

    Raises:
        BuildError: for a file that is no BibTeX, a key used twice, or a record whose facts cannot be shown.
    """
    return read(reading.text(path, name), name)


def read(text: str, name: str) -> dict[str, Paper]:
    """All papers of a BibTeX text by key; see :func:`load_papers`."""
    stop_on(reading.unseen(text, name))
    rows = text.splitlines()
    try:
        entries = parse_string(text, "bibtex").entries
    except (PybtexError, RecursionError) as error:
        stop_on([_unreadable(error, rows, name)])
        raise
    lines = {match[1]: number for number, row in enumerate(rows, 1) if (match := RECORD.match(row))}
    volumes = {entry.fields["crossref"].strip().lower() for entry in entries.values() if "crossref" in entry.fields}
    found: dict[str, Paper] = {}
    problems = []
    for key, entry in entries.items():
        if key.lower() in volumes:
            continue
        line = lines.get(key, 1)
        try:
            found[key] = _paper(key, entry, _parent(entry, dict(entries)), line)
        except _Wrong as wrong:
            field, message, remedy = wrong.args
            joint = " " if message.startswith("lacks") else " has "
            problems.append(Problem(name, _field_line(rows, line, field), f"paper '{key}'{joint}{message}", remedy))
    stop_on(problems)
    return found


def _parent(entry: Entry, entries: dict[str, Entry]) -> Entry | None:
    """The record of the volume that a paper stands in."""
    if "crossref" not in entry.fields:
        return None
    wanted = entry.fields["crossref"].strip()
    for key, other in entries.items():
        if key.lower() == wanted.lower():
            return other
    raise _Wrong("crossref", f"the crossref '{wanted}', which is no record", "Write that record, or the facts here.")


def _field_line(rows: list[str], start: int, field: str) -> int:
    """The line of a field within the record that begins in line ``start``; that line itself for no field."""
    given = re.compile(rf"(?:^|[,{{(])\s*{field}\s*=", re.IGNORECASE)
    for number in range(start, len(rows) + 1):
        if number > start and RECORD.match(rows[number - 1]):
            break
        if field and given.search(rows[number - 1]):
            return number
    return start


def _unreadable(error: Exception, rows: list[str], name: str) -> Problem:
    """What the reader of BibTeX complains of, at the line that it names or quotes."""
    said = str(error) or type(error).__name__
    numbered = re.search(r"line (\d+)", said)
    quoted = re.search(r"repeated bibliography entry: (\S+)|entry with key (\S+)|'(.+)'", said, re.DOTALL)
    line = int(numbered[1]) if numbered else getattr(error, "lineno", None)
    if quoted and not numbered:
        piece = next(filter(None, quoted.groups())).split("\n")[0]
        lines = [number for number, row in enumerate(rows, 1) if piece in row]
        line = lines[-1] if lines else None
    return Problem(name, line or 1, f"not readable as BibTeX: {said}", "Mend the record; keys must be unique.")
