"""Lighthouse over typical entries, as a phone and as a desktop sees them: ``make bench WHAT=lighthouse``.

The site is served by nginx with its own nginx.conf. Lighthouse simulates the slow phone from what it traces, so that a
busy machine makes pages look slower than they are: the medians stand beside the best and the worst run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

from scripts.bench import tools
from scripts.tools import chromium as browsers

VERSION = "12.8.2"  # the last that node 20 runs
PAGES = ("initialization/kaiming-init.html", "optimizers/adam.html", "zh/schedulers/cosine-annealing-lr.html")
SETTINGS: dict[str, list[str]] = {"mobile": [], "desktop": ["--preset=desktop"]}
CATEGORIES = {"performance": "perf.", "accessibility": "access.", "best-practices": "practices", "seo": "SEO"}
TIMES = {
    "first-contentful-paint": "FCP ms",
    "largest-contentful-paint": "LCP ms",
    "total-blocking-time": "TBT ms",
    "cumulative-layout-shift": "CLS",
}
AIMS = {"mobile": 95, "desktop": 100}  # of performance; 100 of all else


def audit(lighthouse: Path, address: str, setting: str) -> dict[str, Any]:
    """One run: Lighthouse's own report.

    Raises:
        Missing: when Lighthouse itself fails.
    """
    chrome = " ".join(("--headless=new", *browsers.FLAGS))
    command = ["node", str(lighthouse / "cli" / "index.js"), address, *SETTINGS[setting], "--quiet", "--output=json"]
    done = subprocess.run(
        [*command, f"--chrome-flags={chrome}"],
        env={**os.environ, "CHROME_PATH": tools.chromium()},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise tools.Missing(f"Lighthouse failed on {address}: {done.stderr.strip()[-400:]}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def scores(reports: list[dict[str, Any]], category: str) -> list[int]:
    """A category's score in each run, 0 to 100."""
    return [round(100 * (report["categories"][category]["score"] or 0)) for report in reports]


def below(reports: list[dict[str, Any]]) -> Counter[str]:
    """The audits that lowered a category, and in how many runs; those of performance are the times in the table."""
    return Counter(
        f"{name}: {report['audits'][reference['id']]['title']}"
        for report in reports
        for name, category in report["categories"].items()
        for reference in category["auditRefs"]
        if name != "performance" and reference["weight"] and (report["audits"][reference["id"]]["score"] or 0) < 1
        if report["audits"][reference["id"]]["scoreDisplayMode"] not in ("notApplicable", "manual", "informative")
    )


def main(arguments: list[str] | None = None) -> int:
    """Print the table; 1 when a median misses its aim."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench lighthouse", description=__doc__)
    parser.add_argument("pages", nargs="*", metavar="PAGE", default=PAGES)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args(arguments)
    site, missed = tools.site(), 0
    package = tools.npm("lighthouse", VERSION)
    with tools.nginx(site, tools.FOLDER / "nginx") as address:
        print(f"Lighthouse {VERSION}, medians of {options.runs} runs (performance: least to most), {tools.load()}")
        heads = "".join(f"{head:>11}" for head in (*CATEGORIES.values(), *TIMES.values()))
        print(f"{'':50}{heads}   perf. of each run")
        for name in options.pages:
            for setting in SETTINGS:
                reports = [audit(package, address + name, setting) for _ in range(options.runs)]
                middle = {category: statistics.median(scores(reports, category)) for category in CATEGORIES}
                times = [statistics.median(r["audits"][key]["numericValue"] for r in reports) for key in TIMES]
                cells = "".join(f"{value:11.0f}" for value in (*middle.values(), *times[:3])) + f"{times[3]:11.3f}"
                each = " ".join(map(str, sorted(scores(reports, "performance"))))
                print(f"{name:41} {setting:8}{cells}   {each}", flush=True)
                for fault, times_seen in below(reports).items():
                    print(f"  in {times_seen} of {options.runs} runs: {fault}")
                aims = dict.fromkeys(CATEGORIES, 100) | {"performance": AIMS[setting]}
                missed += sum(middle[category] < aim for category, aim in aims.items())
        medians = len(options.pages) * len(SETTINGS) * len(CATEGORIES)
        print(f"{missed} of {medians} medians miss their aims; {tools.load()}")
    return int(missed > 0)
