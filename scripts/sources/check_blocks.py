"""The blocks of a page's Markdown: none that the site generator would show otherwise than it is written.

Pages hold paragraphs, headings, lists, tables, fences, admonitions, and a few elements of HTML. All else is refused:
most of it would be printed as it stands, some would change what stands around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from scripts.sources import marks

Found = tuple[int, str, str]  # index of the line, from 0; what is wrong; what to do
ITEM = re.compile(r"(?P<indent> *)(?P<marker>[-*+]|\d{1,3}[.)])(?P<rest> .*|$)")
# The kinds that the theme draws; it would show another one as a box without a sign of its own.
KINDS = "note|abstract|info|tip|success|question|warning|failure|danger|bug|example|quote"
ADMONITION = re.compile(rf' *(!!!|\?\?\?\+?) ({KINDS})( "[^"]*")?')
RULER = re.compile(r" *(([-*_] *){3,}|=+|-+) *")
DELIMITER = re.compile(r" *\|( *:?-+:? *\|)+ *")
ATTRIBUTES = re.compile(r"\{: (#[\w-]+|\.[\w-]+)( (#[\w-]+|\.[\w-]+))* \}")
# Beginnings of lines that mean something elsewhere, or that mean something here by accident.
LINES: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (re.compile(r".*\t"), "a tab", "Write spaces."),
    (re.compile(r".* $"), "a space at the end of a line, which may mean something", "Delete it."),
    (
        re.compile(r" *={3}[!+]* "),
        "content tabs, which nothing here understands",
        "Write headings, or one after another.",
    ),
    (re.compile(r" *:::"), "':::', which nothing here understands", "Leave it out; reference pages are generated."),
    (re.compile(r" *:( |$)"), "a line that begins with ':'", "Write a list."),
    (re.compile(r" *>"), "a quotation", "Write it in words of your own, or begin the line with another sign."),
    (re.compile(r" *\[[^\[\]]*\]:"), "a definition of a link or footnote", "Write [text](address) where it belongs."),
    (re.compile(r" *\[TOC\] *$"), "'[TOC]'", "Delete it: every page has its table of contents."),
    (re.compile(r" *([-*+]|\d+[.)]) +\[[ xX]\]"), "a task list, which nothing here understands", "Write a list."),
    (
        re.compile(r" *([-*+]|\d+[.)]) +(#|>|[-*+] |\d+[.)] |\||```|~~~)"),
        "a block that begins in the line of its list's sign",
        "Begin it in a line of its own, indented by four.",
    ),
    (re.compile(r" *[*+] "), "a list whose sign is not '-'", "Begin its items with '- '."),
    (re.compile(r" *\d{4,}[.)] "), "a number and a dot that begin a line, which makes a list", "Begin it with a word."),
    (re.compile(r" *\d+\) "), "a list numbered with ')'", "Write '1. '."),
    (re.compile(r" +#{1,6} "), "a heading that is indented", "Begin it at the margin."),
    (re.compile(r"#+[^ #]|#{7}"), "a line that begins with '#'", "A heading has one to six '#' and a space."),
    (re.compile(r"#{1,6} .*[^\\]#( +\{.*)?$"), "a heading that ends in '#'", "Leave the '#' out."),
    (re.compile(r"#{1,6} *$"), "a heading without text", "Write it, or delete the line."),
    (
        re.compile(r".*(```|~~~)"),
        "three backticks or tildes that are no fence",
        "Begin and end fences in lines of their own.",
    ),
    (re.compile(r" *(?!--8<-- \")-+8<-+"), "a mark that is not understood", 'Write --8<-- "use.py".'),
)


@dataclass
class _Block:
    """Lines without a blank one between them; an admonition's first line is a block of its own."""

    start: int
    lines: list[str] = field(default_factory=list)


def problems(body: str) -> Iterator[Found]:
    """What is wrong with the blocks of ``body``."""
    outside = body.split("\n")
    for fence in marks.fences(body):
        first = body.count("\n", 0, fence.start)
        if fence.problem:
            yield first, fence.problem, "CONTRIBUTING.md shows how a fence is written."
            continue
        last = first + body.count("\n", fence.start, fence.end - 1)
        if any(line.strip() for line in (outside[first - 1 : first] + outside[last + 1 : last + 2])):
            yield first, "a fence without a blank line before and after it", "Put them there."
        outside[first : last + 1] = [" " * fence.indent + "\x00"] * (last - first + 1)
    for number, line in enumerate(outside):
        if "\x00" not in line:
            yield from _line(number, line)
    yield from _indents(outside)
    for block in blocks(outside):
        yield from _lists(block)
        yield from _table(block)
        yield from _alone(block)
    yield from _numbers(outside)


def _line(number: int, line: str) -> Iterator[Found]:
    for pattern, what, remedy in LINES:
        if pattern.match(line):
            yield number, what, remedy
            return
    if RULER.fullmatch(line):
        yield number, "a line of signs, which would make a heading or a rule", "Delete it; headings begin with '#'."
    elif re.match(r" *(!!!|\?\?\?)", line) and not ADMONITION.fullmatch(line):
        yield number, "an admonition that is not understood", 'Write !!! note "Title", its text indented by four.'


def blocks(lines: list[str]) -> Iterator[_Block]:
    """The blocks outside of fences."""
    block = _Block(0)
    for number, line in enumerate([*lines, ""]):
        if line.strip() and "\x00" not in line:
            if not block.lines:
                block.start = number
            block.lines.append(line)
        if block.lines and (block.start + len(block.lines) <= number or ADMONITION.fullmatch(line)):
            yield block
            block = _Block(0)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _indents(lines: list[str]) -> Iterator[Found]:
    """What stands in a list's item or in an admonition is indented by four, all else not: it would be shown as code."""
    holders: list[int] = []  # indents of the items and admonitions that a line may stand in
    before = ""
    for number, line in enumerate(lines):
        if line.strip():
            indent = _indent(line)
            opens = ITEM.match(line) or ADMONITION.fullmatch(line)
            begins = bool(opens or not before.strip() or ADMONITION.fullmatch(before))  # else it goes on
            if begins:
                holders = [place for place in holders if place + 4 <= indent]
            room = 4 * len(holders)
            if indent >= room + 4 or (begins and indent != room):
                message = f"an indent of {indent}, which would show the line as code or in another place"
                yield number, message, "Indent by four, per level, what stands in a list's item or an admonition."
            if opens:
                holders.append(indent)
        before = line


def _lists(block: _Block) -> Iterator[Found]:
    """Lists, headings and admonitions begin a block: within one their signs would be printed."""
    first = ITEM.match(block.lines[0])
    for offset, line in enumerate(block.lines):
        place, item = block.start + offset, ITEM.match(line)
        if item and not item["rest"].strip():
            yield place, "a list's item without text", "Write it, or delete the line."
        elif item and not first:
            remedy = "Put a blank line before the list, or begin the line with another word."
            yield place, "a list's sign within a paragraph, where it would be printed", remedy
        elif offset and (line.startswith("#") or ADMONITION.fullmatch(line)):
            yield place, "a heading or admonition without a blank line before it", "Put one there."
    if block.lines[0].startswith("#") and len(block.lines) > 1:
        yield block.start + 1, "a text in the line after a heading", "Put a blank line between."


def _numbers(lines: list[str]) -> Iterator[Found]:
    """Items count 1, 2, 3 and keep to one kind: readers see the count and the kind of the first."""
    last: dict[int, str] = {}
    for number, line in enumerate(lines):
        if not line.strip() or "\x00" in line:
            continue
        indent, item = _indent(line), ITEM.match(line)
        if not item:
            last = (
                {place: marker for place, marker in last.items() if place < indent} if lines[number - 1] == "" else last
            )
            continue
        last = {place: marker for place, marker in last.items() if place <= indent}
        marker, before = item["marker"], last.get(indent, "")
        due = f"{int(before[:-1]) + 1}." if before[:-1].isdigit() else "1."
        if before and (marker == "-") != (before == "-"):
            yield number, "a list of another kind right after one", "Put a sentence between the two."
        elif marker != "-" and marker != due:
            yield number, f"the number {marker} where readers see {due}", f"Write {due}"
        last[indent] = marker


def _table(block: _Block) -> Iterator[Found]:
    """A table is a block of its own whose rows have as many cells as its head."""
    piped = ["|" in re.sub(r"\\.", "", line) for line in marks.mask("\n".join(block.lines)).split("\n")]
    is_table = len(block.lines) > 2 and piped[0] and DELIMITER.fullmatch(block.lines[1])
    if not is_table:
        if any(piped):
            remedy = "A table has a line |---|---| under its head, and rows; elsewhere write \\| for the sign."
            yield block.start + piped.index(True), "a '|' outside of a table", remedy
        return
    width = len(cells(block.lines[1]))
    for offset, line in enumerate(block.lines):
        if not re.fullmatch(r" *\|.*(?<!\\)\| *", line):
            yield block.start + offset, "a row of a table that does not begin and end with '|'", "Write both."
        elif len(cells(line)) != width:
            message = f"a row of {len(cells(line))} cells in a table of {width}"
            yield block.start + offset, message, r"Mend it; a '|' within a cell is \|, in a formula \vert or \mid."


def cells(row: str) -> list[str]:
    """The cells of a table's row, its code blanked."""
    return re.split(r"(?<!\\)\|", marks.without_code(row).strip()[1:-1])


def _alone(block: _Block) -> Iterator[Found]:
    """Figures, tables and pieces are paragraphs of their own; attributes follow a paragraph's last line."""
    for offset, line in enumerate(block.lines):
        placed = re.match(r" *(--8<-- |!\[.*\]\((figure|table):)", line)
        if placed and (len(block.lines) > 1 or line.startswith(" ")):
            yield (
                block.start + offset,
                "a piece, figure or table that is no paragraph of its own",
                ("Put blank lines before and after it, and begin it at the margin."),
            )
        if line.lstrip().startswith("{:") and (offset == 0 or not ATTRIBUTES.fullmatch(line)):
            yield (
                block.start + offset,
                "attributes that nothing bears",
                "Write {: #name } under a paragraph's last line.",
            )
