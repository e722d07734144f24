"""Processor seconds that one more entry costs, by stage: ``make bench WHAT=entry``.

Stages that train nothing are run over the real guide and over a planted one (see ``tree``): the difference is what the
entries cost that only the second has. What verifying and claims cost is what they took in the last build of this
checkout, by the clock: build on a machine that does nothing else. Tests run over its site; what those take that go
through all pages or entries is shared over the entries, so it is at most what one more costs.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from scripts import claims
from scripts.bench import tools, tree
from scripts.generate import Site, generate
from scripts.problems import ROOT, stop_on
from scripts.publish import archive, assemble, check
from scripts.publish.finish import finish
from scripts.render import mkdocs
from scripts.report import Report
from scripts.sources import checks
from scripts.sources.catalog import Catalog, load
from scripts.stage import Stage

AIM, AIM_OF_ALL, ALL = 6.0, 1900.0, 300  # seconds for one entry, seconds for all, and how many these are
LOOK = 0.2  # seconds between two looks at what runs
STAGES = ("sources", "generate", "render", "publish")
PAGES = "page_is_whole or phrase or comes_first"  # tests of the site that go through all pages and phrases
TESTS = {  # what pytest is told, and whether what it runs grows with the entries
    "site, each page": (["tests/site", "-k", PAGES], True),
    "site, the rest": (["tests/site", "-k", f"not ({PAGES})"], False),
    "conformance": (["tests/conformance"], True),
}
MEASURE = """
import json
from scripts import build
from scripts.bench import entry
from scripts.sources.catalog import load
build.verify(load(), [], "cpu")  # all of it is known: see tree.prove
print(json.dumps(entry.stages()))
"""


@dataclass(frozen=True)
class Cost:
    """Processor seconds of one stage: for one entry, and for as many as the aim speaks of."""

    stage: str
    one: float
    all: float
    how: str


def used() -> float:
    """Processor seconds of this process and of those it waited for."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def stages(root: Path = ROOT) -> dict[str, float]:
    """Processor seconds of each stage that trains nothing, over this checkout, from nothing kept."""
    stage, marks = Stage(root), [used()]
    catalog = load(root)
    stop_on(checks.inspect(catalog))
    marks.append(used())
    generate(Site(catalog, Report.read(stage.verification), claims.last(catalog), ""))
    marks.append(used())
    out = mkdocs.render(root)
    marks.append(used())
    assemble.add_files(stage, out)
    finish(out, stage.build)
    stop_on(check.check(out, ""))
    archive.pack(out, stage.compressed)
    marks.append(used())
    return {name: after - before for name, before, after in zip(STAGES, marks, marks[1:], strict=False)}


def measured(entries: int) -> tuple[int, dict[str, float]]:
    """How many entries a planted guide of at least so many has, and what its stages cost."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        tree.plant(root, entries)
        tree.prove(root)
        count = len(load(root).techniques)
        environment = {"OMP_NUM_THREADS": "1", **os.environ, "PYTHONPATH": str(root)}
        done = subprocess.run(
            [sys.executable, "-c", MEASURE], cwd=root, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        return count, json.loads(done.stdout.splitlines()[-1])


def of_stages(entries: int) -> list[Cost]:
    """What the stages cost that train nothing."""
    few, small = measured(0)
    many, large = measured(entries)
    found = []
    for name in STAGES:
        one = (large[name] - small[name]) / (many - few)
        found.append(Cost(name, one, large[name] + (ALL - many) * one, f"{few} and {many} entries"))
    return found


def of_proofs(catalog: Catalog) -> list[Cost]:
    """What snippets and claims took in the last build, in seconds of one thread each."""
    stage, number = Stage(ROOT), len(catalog.techniques)
    snippets = [result.seconds for result in Report.read(stage.verification).results if result.device == "cpu"]
    tests = [case.seconds for result in claims.read(stage.claims).values() for case in result.cases]
    return [
        Cost(name, sum(seconds) / number, sum(seconds) / number * ALL, f"{len(seconds)} {what}, by the clock")
        for name, seconds, what in (("verify", snippets, "snippets"), ("claims", tests, "cases"))
    ]


def below(pid: int) -> dict[int, float]:
    """Processor seconds of a process and of each below it; a browser's parts are waited for by nobody whom we know."""
    children: dict[int, list[int]] = {}
    seconds: dict[int, float] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        children.setdefault(int(fields[1]), []).append(int(file.parent.name))
        seconds[int(file.parent.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    tree = [pid]
    for one in tree:
        tree += children.get(one, [])
    return {one: seconds[one] for one in tree if one in seconds}


def of_tests(catalog: Catalog) -> list[Cost]:
    """What the tests cost that go through all pages, and through all entries of a kind."""
    tools.site()
    number, found = len(catalog.techniques), []
    for name, (chosen, grows) in TESTS.items():
        seconds: dict[int, float] = {}
        command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider", *chosen]
        environment = {"OMP_NUM_THREADS": "1", **os.environ}
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as run:
            while run.poll() is None:
                seconds |= below(run.pid)
                time.sleep(LOOK)
            said = run.stdout.read() if run.stdout else ""
        whole, said = sum(seconds.values()), said.strip().splitlines()[-1]
        one = whole / number if grows else 0.0
        found.append(Cost(name, one, one * ALL if grows else whole, said))
    return found


def table(costs: list[Cost]) -> str:
    """The costs, their sum, and whether it is within the aims."""
    one, all_ = sum(cost.one for cost in costs), sum(cost.all for cost in costs)
    lines = [f"{'processor seconds':18}{'one entry':>11}{f'{ALL} entries':>14}"]
    lines += [f"{cost.stage:18}{cost.one:11.2f}{cost.all:14.0f}  {cost.how}" for cost in costs]
    lines += [f"{'sum':18}{one:11.2f}{all_:14.0f}", f"{'aim':18}{AIM:11.2f}{AIM_OF_ALL:14.0f}"]
    return "\n".join([*lines, "met" if within(costs) else "MISSED"])


def within(costs: list[Cost]) -> bool:
    """Whether both aims are met."""
    return sum(cost.one for cost in costs) <= AIM and sum(cost.all for cost in costs) <= AIM_OF_ALL


def main(arguments: list[str] | None = None) -> int:
    """Print the table; 1 when an aim is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.bench entry", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--planted", type=int, default=100, help="entries of the planted guide beyond the real ones")
    options = parser.parse_args(arguments)
    catalog = load(ROOT)
    costs = [*of_proofs(catalog), *of_stages(len(catalog.techniques) + options.planted), *of_tests(catalog)]
    print(table(costs))
    return int(not within(costs))
