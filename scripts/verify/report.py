"""The files a verification leaves: the JSON report and, for other tools, the same as JUnit XML."""

from __future__ import annotations

import json
import platform
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from scripts.verify.cache import write_atomically

Report = dict[str, Any]
BAD_CALL, NOT_PASSED, ALL_PASSED = 2, 1, 0


def counts(report: Report) -> Counter[str]:
    """Number of results that passed, failed (in whatever way) and were skipped."""
    return Counter({"passed": "passed", "skipped": "skipped"}.get(r["status"], "failed") for r in report["results"])


def summary(report: Report) -> str:
    """The last line of every run."""
    number = counts(report)
    return f"{number['passed']} passed, {number['failed']} failed, {number['skipped']} skipped"


def attach_pages(results: list[dict[str, Any]], embedded_in: dict[str, list[str]]) -> None:
    """Tell each result which pages show its snippet."""
    for result in results:
        result["embedded_in"] = sorted(embedded_in.get(result["path"], []))


def make(results: list[dict[str, Any]], **facts: Any) -> Report:
    """A whole report."""
    return {**facts, "platform": platform.platform(), "results": results}


def write_json(report: Report, file: Path) -> None:
    """Write the report in one step."""
    write_atomically(file, (json.dumps(report, indent=1, ensure_ascii=False) + "\n").encode())


def write_junit(report: Report, file: Path) -> None:
    """Write the report as JUnit XML, one suite for each device."""
    root = ElementTree.Element("testsuites", name="snippets", time=f"{report['seconds']:.3f}")
    for device in sorted({result["device"] for result in report["results"]}):
        mine = [result for result in report["results"] if result["device"] == device]
        number = counts({"results": mine})
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=device,
            tests=str(len(mine)),
            failures=str(number["failed"]),
            skipped=str(number["skipped"]),
            time=f"{sum(result['seconds'] for result in mine):.3f}",
        )
        for result in mine:
            folder, _, name = result["path"].rpartition("/")
            case = ElementTree.SubElement(
                suite, "testcase", classname=folder.replace("/", "."), name=name, file=result["path"],
                time=f"{result['seconds']:.3f}",
            )  # fmt: skip
            error = result["error"]
            if error:
                tag = "skipped" if result["status"] == "skipped" else "failure"
                note = ElementTree.SubElement(case, tag, message=_clean(error["message"]), type=error["type"])
                if error.get("line"):
                    note.text = _clean(f"{result['path']}:{error['line']}: {error.get('source') or ''}")
            if result["output"]:
                ElementTree.SubElement(case, "system-out").text = _clean(result["output"])
    ElementTree.indent(root)
    write_atomically(file, ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _clean(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return "".join(c if c in "\t\n" or (c >= " " and c not in "\ufffe\uffff") else "\ufffd" for c in text)
