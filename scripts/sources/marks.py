"""The marks that a page may hold beyond Markdown, found with their lines.

Nothing here knows what a mark means; ``catalog`` checks marks and ``generate`` replaces them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from scripts.formulas import DISPLAY, INLINE
from scripts.memory import remembered

OPENING = re.compile(r"(?P<indent> *)(?P<mark>`{3,}|~{3,})(?P<info>.*)")
# What may follow the marks: a language, a title, or attributes in braces.
INFO = re.compile(r" *([\w#.+-]+)?( +title=(\"[^\"]*\"|'[^']*'))? *| *\{[^{}]*\} *", re.ASCII)
CODE = re.compile(r"(?<![`\\])(?P<tick>`+)(?!`).+?(?<!`)(?P=tick)(?!`)", re.DOTALL)
MATH = re.compile(f"{DISPLAY}|{INLINE}", re.DOTALL)

LINK_TEXT = r"(?:[^\[\]]|\[[^\[\]]*\])*?"  # link text, with one level of brackets in it
PATTERNS = {
    "include": re.compile(r'^ *--8<-- "(?P<target>[^"\n]+)" *$', re.MULTILINE),
    "embed": re.compile(
        rf'^!\[(?P<text>{LINK_TEXT})\]\((?P<scheme>figure|table):(?P<target>[^)\s]+)(?:\s+"(?P<caption>[^"]*)")?\) *$',
        re.MULTILINE,
    ),
    "claim": re.compile(rf"(?<!!)\[(?P<text>{LINK_TEXT})\]\(claim:(?P<target>[^)\s]+)\)"),
    "cite": re.compile(r"\[(?P<target>@[\w:-]+(?:;\s*@[\w:-]+)*)\]"),
    "link": re.compile(
        rf"(?<!!)\[(?P<text>{LINK_TEXT})\]\((?P<target>(?![a-z]+:)[^)\s]+\.md(?:#[\w-]+)?)(?:\s+\"[^\"]*\")?\)"
    ),
    "heading": re.compile(r"^(?P<level>#{1,6}) +(?P<text>.+?)(?: +\{ *#(?P<target>[\w-]+) *\})? *$", re.MULTILINE),
}
# What the patterns above may leave behind when an author mistypes a mark.
SUSPECT = re.compile(r"\]\((?:claim|figure|table):[^)\n]*\)?|^.*--8<--.*$|\[@[^\]\n]*\]?", re.MULTILINE)


@dataclass(frozen=True)
class Mark:
    """One mark on a page: ``text[start:end]`` of the body, beginning in ``line`` of the file."""

    kind: str
    target: str
    line: int
    start: int
    end: int
    text: str = ""
    scheme: str = ""
    caption: str = ""
    level: int = 0


@dataclass(frozen=True)
class Fence:
    """A fenced block, ``text[start:end]``; ``problem`` says why the renderer would not read it as one."""

    start: int
    end: int
    indent: int
    problem: str = ""


def fences(text: str) -> Iterator[Fence]:
    """The fenced blocks of ``text``, as pymdownx.superfences reads them: marks, indent and end must be the same."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    place = number = 0
    while number < len(lines):
        opening = OPENING.fullmatch(lines[number].rstrip("\n"))
        if not opening or opening["mark"][0] in opening["info"]:  # three backticks may hold code within a line
            place += len(lines[number])
            number += 1
            continue
        size, problem = _fence_size(lines[number:], opening)
        length = sum(map(len, lines[number : number + size]))
        yield Fence(place, place + length, len(opening["indent"]), problem)
        place += length
        number += size


def _fence_size(lines: list[str], opening: re.Match[str]) -> tuple[int, str]:
    """How many lines the block has that the first one opens, and what is wrong with it; one line for a broken one."""
    indent = opening["indent"]
    if not INFO.fullmatch(opening["info"]):
        return 1, f"a fence whose first line is not understood: {opening['info'].strip()}"
    for size, line in enumerate(lines[1:], 2):
        row = line.rstrip("\n")
        if row.strip() and not row.startswith(indent):
            return 1, "a fence that holds a line indented less than itself"
        if re.fullmatch(rf"{indent}{opening['mark']}[ \t]*", row):
            return size, ""
    return 1, f"a fence that never ends: no line is {indent + opening['mark']!r}"


def _blank(text: str, patterns: tuple[re.Pattern[str], ...]) -> str:
    for pattern in patterns:
        text = pattern.sub(lambda match: re.sub(r"[^\n]", "\x00", match.group()), text)
    return text


def without_fences(text: str) -> str:
    """``text`` with its fenced blocks blanked out, every other character where it was."""
    for fence in fences(text):
        if not fence.problem:
            blank = re.sub(r"[^\n]", "\x00", text[fence.start : fence.end])
            text = text[: fence.start] + blank + text[fence.end :]
    return text


def without_code(text: str) -> str:
    """``text`` with all code blanked out, formulas left."""
    return _blank(without_fences(text), (CODE,))


@remembered
def mask(text: str) -> str:
    """``text`` with code and formulas blanked out, every other character where it was."""
    return _blank(without_code(text), (MATH,))


def slug(heading: str) -> str:
    """The anchor that Python-Markdown's table of contents gives an English heading."""
    value = re.sub(r"[^\w\s-]", "", heading.replace("`", "")).strip().lower()
    return re.sub(r"[-\s]+", "-", value)


@remembered
def marks(body: str, first_line: int = 1) -> list[Mark]:
    """All marks of ``body`` in reading order; ``first_line`` is the body's first line in its file."""
    masked = mask(body)

    def found() -> Iterator[Mark]:
        for kind, pattern in PATTERNS.items():
            for match in pattern.finditer(masked):
                groups = match.groupdict()

                def original(name: str, match: re.Match[str] = match, groups: dict[str, str | None] = groups) -> str:
                    return body[match.start(name) : match.end(name)] if groups.get(name) else ""

                yield Mark(
                    kind=kind,
                    target=original("target") or (slug(original("text")) if kind == "heading" else ""),
                    line=first_line + body.count("\n", 0, match.start()),
                    start=match.start(),
                    end=match.end(),
                    text=original("text"),
                    scheme=original("scheme"),
                    caption=original("caption"),
                    level=len(original("level")),
                )

    def formulas() -> Iterator[Mark]:
        for match in MATH.finditer(without_code(body)):
            scheme = "display" if match["display"] else "inline"
            line = first_line + body.count("\n", 0, match.start())
            tex = body[match.start(scheme) : match.end(scheme)].strip()
            yield Mark("formula", tex, line, match.start(), match.end(), scheme=scheme)

    return sorted([*found(), *formulas()], key=lambda mark: (mark.start, -mark.end))


@remembered
def suspects(body: str, first_line: int = 1) -> list[tuple[int, str]]:
    """Lines that look like a mark but are none, with the piece in question."""
    masked = mask(body)
    for kind in ("include", "embed", "claim", "cite"):
        masked = PATTERNS[kind].sub(lambda match: re.sub(r"[^\n]", "\x00", match.group()), masked)
    return [
        (first_line + masked.count("\n", 0, match.start()), body[match.start() : match.end()].strip())
        for match in SUSPECT.finditer(masked)
    ]


def replace(body: str, found: list[Mark], render: Callable[[Mark], str | None]) -> str:
    """``body`` with every mark replaced by what ``render`` gives for it; None leaves a mark as it is.

    Marks may stand inside others (a citation in a claim's text): the inner ones are replaced first.
    """
    holders: list[tuple[Mark, list[Mark]]] = []
    for mark in sorted(found, key=lambda mark: (mark.start, -mark.end)):
        if holders and holders[-1][0].start < mark.start and mark.end < holders[-1][0].end:
            holders[-1][1].append(mark)  # rendered with the mark that holds it
        else:
            holders.append((mark, []))
    for mark, inner in reversed(holders):
        if inner and mark.text:
            offset = body.index(mark.text, mark.start)
            moved = [
                Mark(**{**vars(other), "start": other.start - offset, "end": other.end - offset}) for other in inner
            ]
            mark = Mark(**{**vars(mark), "text": replace(mark.text, moved, render)})
        rendered = render(mark)
        if rendered is not None:
            body = body[: mark.start] + rendered + body[mark.end :]
    return body
