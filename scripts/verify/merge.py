"""Joins the reports of several machines. Results about other sources are refused, or dropped where that is asked."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from scripts.report import BadReport, Report, Result
from scripts.verify.discover import BadCall

Named = tuple[str, Report]


def read(files: Iterable[Path]) -> list[Named]:
    """Reports by the names of their files.

    Raises:
        BadCall: there is none, or it is something else.
    """
    try:
        return [(file.name, Report.read(file)) for file in files]
    except BadReport as error:
        raise BadCall(str(error)) from error


def merge(reports: list[Named], stale: Literal["refuse", "drop"] = "refuse") -> Report:
    """One report of all; of two results for the same cell the one that did not pass wins, else the newer.

    Args:
        reports: by the name of their file. The first is this machine's: the outputs and files shown are its own.
        stale: what becomes of results about another version of a snippet. ``drop``: what the first report does not
            hold in the same version counts as not run there.

    Raises:
        BadCall: two reports tell of different contents of a snippet, or a shard is missing.
    """
    _refuse_gaps(report for _, report in reports)
    if stale == "drop":
        current = {(result.path, result.sha256) for result in reports[0][1].results}
    hashes: dict[str, tuple[str, str]] = {}
    cells: dict[tuple[str, ...], Result] = {}
    counted = []
    for name, report in reports:
        results = [r for r in report.results if stale == "refuse" or (r.path, r.sha256) in current]
        for result in results:
            known, where = hashes.setdefault(result.path, (result.sha256, name))
            if known != result.sha256:
                message = f"{result.path}: {where} and {name} verified different versions of it"
                raise BadCall(f"{message}; verify it again")
            cell = (result.path, result.device, result.torch, result.python, result.device_name)
            cells[cell] = max(cells.get(cell, result), result, key=lambda r: (r.status != "passed", r.verified))
        if results or report is reports[0][1]:
            counted.append((name, report))
    return _joined(counted, [cells[cell] for cell in sorted(cells)])


def _joined(reports: list[Named], results: list[Result]) -> Report:
    everything = [report for _, report in reports]
    guards: dict[str, set[str]] = {}
    for report in everything:
        for what, guard in report.guards.items():
            guards.setdefault(what, set()).update(guard.split(", "))
    return Report(
        torch=_listed(report.torch for report in everything),
        python=_listed(report.python for report in everything),
        platform=_listed(report.platform for report in everything),
        device_names={kind: name for report in everything for kind, name in report.device_names.items()},
        guards={what: ", ".join(sorted(found)) for what, found in sorted(guards.items())},
        started=min(report.started for report in everything),
        seconds=round(sum(report.seconds for report in everything), 3),
        merged_from=tuple(dict.fromkeys(part for name, report in reports for part in report.merged_from or (name,))),
        results=tuple(results),
    )


def _listed(texts: Iterable[str]) -> str:
    """Each once, in order: those of this machine first."""
    return ", ".join(dict.fromkeys(part for text in texts for part in text.split(", ") if part))


def _refuse_gaps(reports: Iterable[Report]) -> None:
    """Where shards took part, together they must hold every snippet of the whole."""
    wholes: dict[tuple[str, ...], set[str]] = {}
    held: dict[tuple[str, ...], set[str]] = {}
    for report in reports:
        if shard := report.shard:
            group: tuple[str, ...] = (report.torch, report.python, ",".join(sorted(report.device_names)), str(shard.of))
            wholes.setdefault(group, set()).update(shard.whole)
            held.setdefault(group, set()).update(result.path for result in report.results)
    for group, whole in wholes.items():
        if missing := sorted(whole - held[group]):
            message = f"torch {group[0]}: {missing[0]} is in no shard ({len(missing)} missing)"
            raise BadCall(f"{message}; merge all {group[3]}")
