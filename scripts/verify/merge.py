"""Joins the reports of several machines, and refuses those that are not about the same sources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scripts.verify.discover import BadCall
from scripts.verify.report import Report

_FIELDS = {"torch", "python", "seconds", "started", "results"}
_RESULT_FIELDS = {"path", "device", "status", "sha256", "torch", "python", "device_name", "verified"}
_RESULT_FIELDS |= {"cached", "seconds", "output", "error"}


def read(file: Path) -> Report:
    """A report from its file.

    Raises:
        BadCall: there is none, or it is something else.
    """
    try:
        report = json.loads(file.read_text())
    except OSError as error:
        raise BadCall(f"{file}: {error.strerror}") from error
    except ValueError as error:
        raise BadCall(f"{file}: not JSON ({error})") from error
    rows = report.get("results") if isinstance(report, dict) else None
    if not isinstance(rows, list) or _FIELDS - report.keys():
        raise BadCall(f"{file}: not a report of this verifier")
    for row in rows:
        if not isinstance(row, dict) or _RESULT_FIELDS - row.keys():
            raise BadCall(f"{file}: a result lacks some of {', '.join(sorted(_RESULT_FIELDS))}")
    return report


def merge(files: list[Path]) -> Report:
    """One report of all; of two results for the same cell the one that did not pass wins, else the newer.

    Raises:
        BadCall: two reports tell of different contents of a snippet, or a shard is missing.
    """
    reports = [(file, read(file)) for file in files]
    hashes: dict[str, tuple[str, Path]] = {}
    cells: dict[tuple[str, ...], dict[str, Any]] = {}
    for file, report in reports:
        for row in report["results"]:
            known, first = hashes.setdefault(row["path"], (row["sha256"], file))
            if known != row["sha256"]:
                raise BadCall(f"{row['path']}: {first} and {file} verified different versions of it; verify it again")
            cell = (row["path"], row["device"], row["torch"], row["python"], row["device_name"])
            cells[cell] = max(cells.get(cell, row), row, key=lambda r: (r["status"] != "passed", r["verified"]))
    _refuse_gaps(reports)
    everything = [report for _, report in reports]
    return {
        "torch": _joined(everything, "torch"),
        "python": _joined(everything, "python"),
        "platform": _joined(everything, "platform"),
        "device_names": {k: v for report in everything for k, v in report.get("device_names", {}).items()},
        "guards": {
            what: ", ".join(sorted({r["guards"][what] for r in everything if what in r.get("guards", {})}))
            for what in sorted({what for report in everything for what in report.get("guards", {})})
        },
        "started": min(report["started"] for report in everything),
        "seconds": round(sum(report["seconds"] for report in everything), 3),
        "merged_from": [file.name for file in files],
        "results": [cells[cell] for cell in sorted(cells)],
    }


def _joined(reports: list[Report], name: str) -> str:
    return ", ".join(sorted({part for report in reports for part in report.get(name, "").split(", ") if part}))


def _refuse_gaps(reports: list[tuple[Path, Report]]) -> None:
    """Where shards took part, together they must hold every snippet of the whole."""
    wholes: dict[tuple[str, ...], set[str]] = {}
    held: dict[tuple[str, ...], set[str]] = {}
    for _, report in reports:
        if shard := report.get("shard"):
            group: tuple[str, ...] = (
                report["torch"],
                report["python"],
                ",".join(sorted(report["device_names"])),
                str(shard["of"]),
            )
            wholes.setdefault(group, set()).update(shard["whole"])
            held.setdefault(group, set()).update(row["path"] for row in report["results"])
    for group, whole in wholes.items():
        if missing := sorted(whole - held[group]):
            raise BadCall(
                f"torch {group[0]}: {missing[0]} is in no shard ({len(missing)} missing); merge all {group[3]}"
            )
