"""The files a verification leaves: the JSON report and, for other tools, the same as JUnit XML."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

from scripts.report import Report, Result
from scripts.verify.cache import write_atomically


def counts(results: Iterable[Result]) -> Counter[str]:
    """Number of results that passed, failed (in whatever way) and were skipped."""
    return Counter({"passed": "passed", "skipped": "skipped"}.get(result.status, "failed") for result in results)


def summary(report: Report) -> str:
    """The last line of every run."""
    number = counts(report.results)
    return f"{number['passed']} passed, {number['failed']} failed, {number['skipped']} skipped"


def write_json(report: Report, file: Path) -> None:
    """Write the report in one step."""
    write_atomically(file, (json.dumps(report.to_json(), indent=1, ensure_ascii=False) + "\n").encode())


def write_junit(report: Report, file: Path) -> None:
    """Write the report as JUnit XML, one suite for each device."""
    root = ElementTree.Element("testsuites", name="snippets", time=f"{report.seconds:.3f}")
    for device in sorted({result.device for result in report.results}):
        mine = [result for result in report.results if result.device == device]
        number = counts(mine)
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=device,
            tests=str(len(mine)),
            failures=str(number["failed"]),
            skipped=str(number["skipped"]),
            time=f"{sum(result.seconds for result in mine):.3f}",
        )
        for result in mine:
            _add_case(suite, result)
    ElementTree.indent(root)
    write_atomically(file, ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _add_case(suite: ElementTree.Element, result: Result) -> None:
    folder, _, name = result.path.rpartition("/")
    case = ElementTree.SubElement(
        suite, "testcase", classname=folder.replace("/", "."), name=name, file=result.path,
        time=f"{result.seconds:.3f}",
    )  # fmt: skip
    if error := result.error:
        tag = "skipped" if result.status == "skipped" else "failure"
        note = ElementTree.SubElement(case, tag, message=_clean(error.message), type=error.type)
        if error.line:
            note.text = _clean(f"{result.path}:{error.line}: {error.source or ''}")
    if result.output:
        ElementTree.SubElement(case, "system-out").text = _clean(result.output)


def _clean(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return "".join(c if c in "\t\n" or (c >= " " and c not in "\ufffe\uffff") else "\ufffd" for c in text)
