"""The causes on the page of a symptom: planted in a broken program, cured in a fixed one, found by a check.

A cause stands in the English front matter, under ``causes``; its programs and the checks lie in the page's room.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from scripts.problems import Problem
from scripts.sources import frontmatter
from scripts.sources.pages import Entry
from scripts.sources.snippets import Snippet

KIND = "symptom"
SHOWS = ("check", "bug", "seen")  # `--8<-- "check: log-of-zero"` shows what belongs to a cause
CHECKS = "check.py"
TEST = "test_cause"  # the test of every cause, in the symptom's test file; tests/support/planted.py does the work
LOOKS = (  # shapes of a loss curve, as the picker lists them; at last what shows on no curve, and what ends in an error
    "lost",
    "explodes",
    "flat",
    "slow",
    "plateau",
    "oscillates",
    "spikes",
    "zero",
    "gap",
    "rises-again",
    "noisy",
    "fine",
    "none",
    "error",
)
NO_CURVE = ("none", "error")
ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
ADDRESS = re.compile(r"https://[^\s<>\"']+")
FORM = "{id: log-of-zero, check: name_of_a_function, unlike: another-cause, report: https://…}"


@dataclass(frozen=True)
class Cause:
    """One cause of a symptom.

    Args:
        symptom: the id of the symptom, which is its page's.
        id: its place on the page.
        check: the function of ``check.py`` that finds it.
        unlike: the cause on whose broken program that check stays silent, as ``symptom/cause``.
        report: where it really happened, in public; empty where nobody knows.
        line: its line in the page's file.
    """

    symptom: str
    id: str
    check: str
    unlike: str
    report: str
    line: int

    @property
    def name(self) -> str:
        """Its name in the whole guide, ``loss-nan/log-of-zero``."""
        return f"{self.symptom}/{self.id}"

    def file(self, role: str) -> str:
        """The name of its broken or fixed program in the room: ``broken_log_of_zero.py``."""
        return f"{role}_{self.id.replace('-', '_')}.py"


def is_symptom(entry: Entry) -> bool:
    """Whether the page is that of a symptom."""
    return entry.is_technique and entry.en.meta.get("kind") == KIND


@cache
def of(entry: Entry) -> list[Cause]:
    """The causes on a symptom's page, in its order; none on other pages."""
    return [_cause(entry, row) for row in entry.en.meta.get("causes") or [] if isinstance(row, dict)]


def _cause(entry: Entry, row: dict[str, Any]) -> Cause:
    def text(key: str) -> str:
        return str(row.get(key) or "")

    unlike = text("unlike")
    if unlike and "/" not in unlike:
        unlike = f"{entry.id}/{unlike}"
    found = re.search(rf"\bid: {re.escape(text('id'))}(?![\w-])", entry.en.text)
    line = entry.en.text.count("\n", 0, found.start()) + 1 if found else 1
    return Cause(entry.id, text("id"), text("check"), unlike, text("report"), line)


def chosen(target: str) -> tuple[str, str] | None:
    """What ``--8<-- "check: log-of-zero"`` asks for: what to show, and of which cause; None for other targets."""
    what, colon, cause = target.partition(":")
    return (what, cause.strip()) if colon and what in SHOWS else None


def program(entry: Entry, cause: Cause, role: str) -> Snippet | None:
    """The broken or fixed program of a cause, where it is written."""
    return entry.snippet(cause.file(role))


def check(entries: list[Entry], tests: Mapping[str, Mapping[str, int]]) -> Iterator[Problem]:
    """No cause without its bug, its cure, its check, its look-alike, its place on the page and its test."""
    symptoms = [entry for entry in entries if is_symptom(entry)]
    known = {cause.name for entry in symptoms for cause in of(entry)}
    for entry in entries:
        causes = of(entry)
        files = {cause.file(role) for cause in causes for role in ("broken", "fixed")} | ({CHECKS} if causes else set())
        for snippet in entry.snippets:
            if snippet.role in ("broken", "fixed", "check") and snippet.file not in files:
                remedy = f"List the cause in {entry.en.path}: {FORM}; or rename the file."
                yield Problem(snippet.path, 1, "no cause of the page has this program", remedy)
        for cause in causes:
            yield from _complete(entry, cause, known)
        if causes:
            looks = entry.en.meta.get("looks")
            if looks not in LOOKS:
                line = frontmatter.line_of(entry.en.text, "looks")
                yield Problem(
                    entry.en.path, line, f"'{looks}' is no shape of a curve", f"Known are: {', '.join(LOOKS)}."
                )
            yield from _placed(entry, causes)
            if TEST not in tests.get(entry.test, {}):
                remedy = f"Write {TEST} there; CONTRIBUTING.md shows its three lines."
                yield Problem(entry.test, 1, f"nothing plants the causes of {entry.en.path}", remedy)


def _complete(entry: Entry, cause: Cause, known: set[str]) -> Iterator[Problem]:
    path, line = entry.en.path, cause.line
    room = f"snippets/{entry.section}/{entry.id.replace('-', '_')}"
    if not ID.fullmatch(cause.id):
        yield Problem(path, line, f"causes: '{cause.id}' is no id of a cause", f"Write {FORM}.")
        return
    for role in ("broken", "fixed"):
        if program(entry, cause, role) is None:
            remedy = "Write it: a short program that shows the symptom, or the same with the fault cured."
            yield Problem(path, line, f"the cause '{cause.id}' has no {room}/{cause.file(role)}", remedy)
    checks = entry.snippet(CHECKS)
    if checks is None or cause.check not in checks.parts:
        remedy = f"Write the function in {room}/{CHECKS}: it returns what it found, or nothing."
        yield Problem(path, line, f"the cause '{cause.id}' has no check '{cause.check}'", remedy)
    if cause.unlike not in known or cause.unlike == cause.name:
        remedy = "Name under 'unlike' another cause that looks the same, here or as symptom/cause."
        yield Problem(path, line, f"the cause '{cause.id}' is told apart from no other ('{cause.unlike}')", remedy)
    if cause.report and not ADDRESS.fullmatch(cause.report):
        remedy = "Write the address of the public report, with https://."
        yield Problem(path, line, f"the cause '{cause.id}': '{cause.report}' is no address", remedy)


def _placed(entry: Entry, causes: list[Cause]) -> Iterator[Problem]:
    """Each cause has its heading, its check and its bug on the page, in the order of the front matter."""
    ids = [cause.id for cause in causes]
    for page in entry.pages.values():
        headings = [mark.target for mark in page.of("heading") if mark.level == 3 and mark.target in ids]
        if headings != ids:
            remedy = f"Give each a heading, ### … {{#{ids[0]}}}, in this order: {', '.join(ids)}."
            yield Problem(page.path, page.body_line, "the causes on the page are not those of the front matter", remedy)
        shown = [choice for mark in page.of("include") if (choice := chosen(mark.target))]
        for what in ("check", "bug"):
            if [cause for kind, cause in shown if kind == what] != ids:
                remedy = f'Under each cause stands --8<-- "{what}: {ids[0]}", with its id.'
                yield Problem(page.path, page.body_line, f"not every cause shows its {what} once, in order", remedy)
