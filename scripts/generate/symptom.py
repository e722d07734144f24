"""What a symptom's page shows of a cause: its check, and its bug with the cure."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator

from scripts.generate import addresses, curves, html
from scripts.generate.bugs import finding, heading, log, place
from scripts.generate.phrases import word
from scripts.generate.signs import written
from scripts.generate.site import Site
from scripts.generate.snippets import fence, piece
from scripts.memory import remembered
from scripts.sources import causes
from scripts.sources.causes import Cause
from scripts.sources.pages import Entry

IMPORTS = (ast.Import, ast.ImportFrom)


def shown(site: Site, entry: Entry, target: str, lang: str) -> str:
    """Markdown for ``--8<-- "check: …"``, ``"bug: …"`` and ``"seen: …"``."""
    what, name = causes.chosen(target) or ("", "")
    cause = next(one for one in causes.of(entry) if one.id == name)
    make = {"check": _check, "bug": _bug, "seen": _seen}[what]
    return "\n".join(make(site, entry, cause, lang)) + "\n"


def plain(site: Site, entry: Entry, target: str, lang: str) -> str:
    """The same as Markdown alone, programs to the byte."""
    what, name = causes.chosen(target) or ("", "")
    cause = next(one for one in causes.of(entry) if one.id == name)
    programs = [program for role in ("broken", "fixed") if (program := causes.program(entry, cause, role))]
    if what == "seen":
        return fence(_cut(log(site, programs[0])), "text")
    if what == "check":
        checks = entry.snippet(causes.CHECKS)
        code = fence(pasted(checks.text, cause.check), "python") if checks else ""
        return f"{code}\n\n{word('check_finds', lang)}{word('colon', lang)}{written(finding(site, entry, cause))}"
    parts = [fence(difference(*(program.text for program in programs)), "diff")]
    for program in programs:
        parts += [word(f"{program.role}_program", lang), fence(program.text, "python")]
        parts += [fence(log(site, program), "text")] if log(site, program) else []
    return "\n\n".join(parts)


def _check(site: Site, entry: Entry, cause: Cause, lang: str) -> Iterator[str]:
    """The lines to paste, and what they say of the broken run, the cured one and the look-alike."""
    snippet = entry.snippet(causes.CHECKS)
    assert snippet is not None  # as the sources' checks saw to
    home = site.catalog.by_id[cause.unlike.partition("/")[0]]
    other = next(one for one in causes.of(home) if one.name == cause.unlike)
    title = html.inline(heading(home, other, lang))
    there = "" if home is entry else addresses.entry_href(home, entry.section)
    yield f'<div class="check-lines" id="check-{cause.id}" markdown>\n'
    yield fence(pasted(snippet.text, cause.check), f' {{ .python title="{cause.check}" }}')
    yield ""
    if said := finding(site, entry, cause):
        yield f'<p class="check-says">{word("check_finds", lang)}{word("colon", lang)}<q>{html.text(said)}</q></p>'
        proof = html.link(
            f"#proof-{causes.TEST.removeprefix('test_')}",
            "✓",
            class_="claim-mark",
            title=word("proved_by", lang),
            aria_label=f"{word('proved_by', lang)} {causes.TEST}",
        )
        like = html.link(f"{there}#{other.id}", title)
        yield f'<p class="check-says">{word("check_silent", lang).format(like)}{proof}</p>'
    yield "\n</div>"


@remembered
def pasted(text: str, function: str) -> str:
    """A function of a file with all of the file that it needs: imports, constants and other functions."""
    tree = ast.parse(text)
    lines = text.splitlines()
    defined: dict[str, ast.stmt] = {}
    for node in tree.body:
        for name in _defines(node):
            defined[name] = node
    wanted, waiting = set(), [function]
    while waiting:
        node = defined[waiting.pop()]
        if node in wanted:
            continue
        wanted.add(node)
        waiting += [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in defined]
    kept = [node for node in tree.body if node in wanted]
    imports = [_text(lines, node) for node in kept if isinstance(node, IMPORTS)]
    rest = [_text(lines, node) for node in kept if not isinstance(node, IMPORTS)]
    return "\n\n\n".join([part for part in ("\n".join(imports), *rest) if part])


def _text(lines: list[str], node: ast.stmt) -> str:
    start = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
    return "\n".join(lines[start - 1 : node.end_lineno])


def _defines(node: ast.stmt) -> list[str]:
    if isinstance(node, IMPORTS):
        return [(alias.asname or alias.name).partition(".")[0] for alias in node.names]
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return []


def _bug(site: Site, entry: Entry, cause: Cause, lang: str) -> Iterator[str]:
    """The curves of both runs, the lines that cure it, and, folded, both programs with what they printed."""
    broken, fixed = (causes.program(entry, cause, role) for role in ("broken", "fixed"))
    assert broken is not None  # as the sources' checks saw to
    assert fixed is not None
    logs = [log(site, program) for program in (broken, fixed)]
    yield f'<div class="bug" id="bug-{cause.id}" markdown>\n'
    yield curves.drawing([(word("broken", lang), logs[0]), (word("fixed", lang), logs[1])], lang)
    yield ""
    yield fence(difference(broken.text, fixed.text), f' {{ .diff title="{word("cure", lang)}" }}')
    yield ""
    for program in (broken, fixed):
        yield piece(site, entry, program, [], lang)
    if cause.report:
        link = html.link(cause.report, html.text(place(cause.report)), rel="noopener")
        yield f'<p class="report">{word("happened", lang)}{word("colon", lang)}{link}</p>'
    yield "\n</div>"


def _seen(site: Site, entry: Entry, cause: Cause, lang: str) -> Iterator[str]:
    """The curve and the log of one planted run."""
    broken = causes.program(entry, cause, "broken")
    assert broken is not None  # as the sources' checks saw to
    said = log(site, broken)
    yield '<div class="seen" markdown>\n'
    yield curves.drawing([(word("broken", lang), said)], lang)
    yield ""
    yield fence(_cut(said), f' {{ .text title="{word("output", lang)}" }}')
    yield "\n</div>"


def _cut(log: str, lines: int = 14) -> str:
    """The first and last lines of a long log."""
    rows = log.splitlines()
    return log if len(rows) <= lines else "\n".join([*rows[: lines - 4], "…", *rows[-3:]])


@remembered
def difference(broken: str, fixed: str) -> str:
    """The lines that differ between two programs, each with a line before and after."""
    rows = list(difflib.unified_diff(broken.splitlines(), fixed.splitlines(), lineterm="", n=1))[2:]
    docstrings = [row for row in rows if row[1:].startswith('"""')]
    kept = [row for row in rows if row not in docstrings and not row.startswith("@@")]
    return "\n".join(row.rstrip() for row in kept)
