"""Builds the same stage with the generators that may follow MkDocs, and compares their pages with MkDocs' pages.

Run as ``python -m scripts.tools.canary [GENERATOR ...]``. ``canary.yaml`` names the generators, their versions, and the
differences that are known, each with its reason. Any other difference fails, and so does a known one that is gone.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
import venv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import yaml
from filelock import FileLock, Timeout
from lxml import html

from scripts.problems import ROOT, BuildError
from scripts.publish import assemble, check
from scripts.render import mkdocs
from scripts.stage import Stage

LIST = "scripts/tools/canary.yaml"
RELATIONS = {"canonical", "alternate", "prev", "next"}  # of <link>: what leads to a page; others name the theme's files
SHOWN = 40  # lines of the printed table for one generator; the file beside its site holds all


@dataclass(frozen=True, order=True)
class Difference:
    """What one page holds with MkDocs and lacks with another generator, or the other way round."""

    change: str  # "missing", "added", or "broken" for what the checks of the built site find
    what: str
    page: str


@dataclass(frozen=True)
class Known:
    """A difference that contributors know of; ``*`` in ``page`` and ``what`` stands for anything."""

    generator: str
    change: str
    what: str
    page: str
    why: str

    def __str__(self) -> str:
        return f"{self.change} {self.what!r} on {self.page}"

    def covers(self, difference: Difference) -> bool:
        """Whether this is that difference."""
        if self.change != difference.change:
            return False
        # Only "*" is special: an address may hold "?" and "[".
        pairs = (self.what, difference.what), (self.page, difference.page)
        return all(fnmatchcase(text, re.sub(r"[?\[]", r"[\g<0>]", pattern)) for pattern, text in pairs)


def facts(page: str, text: str) -> Counter[str]:
    """Every heading and link of a page, one line each.

    Headings and links of the article are counted; of what stands around it (navigation, header, relations in the head)
    each address counts once, because generators repeat it as their menus need.
    """
    tree = html.fromstring(text)
    for sign in [*tree.find_class("headerlink"), *tree.find_class("md-skip")]:  # each theme has its own
        sign.drop_tree()
    found: Counter[str] = Counter()
    article = tree.find(".//article")
    inside = list(article.iter()) if article is not None else []
    for element in inside:
        if re.fullmatch("h[1-6]", str(element.tag)):
            words = " ".join(element.text_content().split())
            found[f"heading {element.tag} #{element.get('id', '')} {words}"] += 1
        elif element.tag == "a" and element.get("href"):
            found[f"link {_target(page, element)}"] += 1
    within = set(inside)
    around = {_target(page, a) for a in tree.iter("a") if a not in within and a.get("href")}
    found.update(f"around {target}" for target in around)
    for link in tree.iter("link"):
        if kinds := RELATIONS & set((link.get("rel") or "").split()):
            found[f"head {min(kinds)} {_target(page, link)}"] += 1
    return found


def _target(page: str, element: html.HtmlElement) -> str:
    """Where a link leads, from the root of the site: the same for ``./x.html`` and ``x.html``."""
    address = element.get("href")
    return unquote(address if urlsplit(address).scheme else urljoin(page, address))


def compare(ours: Path, theirs: Path) -> Iterator[Difference]:
    """Every difference between two built sites, page by page."""
    mine, others = ({p.relative_to(site).as_posix() for p in site.rglob("*.html")} for site in (ours, theirs))
    yield from (Difference("missing", "page", page) for page in sorted(mine - others))
    yield from (Difference("added", "page", page) for page in sorted(others - mine))
    for page in sorted(mine & others):
        old, new = (facts(page, (site / page).read_text(encoding="utf-8")) for site in (ours, theirs))
        yield from (Difference("missing", what, page) for what in sorted(old - new))
        yield from (Difference("added", what, page) for what in sorted(new - old))


def judge(found: Iterable[Difference], known: list[Known]) -> tuple[list[Difference], dict[Known, int], list[Known]]:
    """The differences that nobody listed, how often each listed one occurs, and the listed ones that are gone."""
    unlisted, counts = [], dict.fromkeys(known, 0)
    for difference in found:
        covering = [entry for entry in known if entry.covers(difference)]
        for entry in covering:
            counts[entry] += 1
        if not covering:
            unlisted.append(difference)
    return sorted(unlisted), counts, [entry for entry, count in counts.items() if not count]


def table(unlisted: list[Difference], counts: dict[Known, int], limit: int | None = SHOWN) -> str:
    """The differences as text: the unlisted ones, the same one of several pages on one line, then the listed."""
    pages: dict[tuple[str, str], list[str]] = {}
    for difference in unlisted:
        pages.setdefault((difference.change, difference.what), []).append(difference.page)
    lines = []
    for (change, what), names in pages.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        lines.append(f"  NOT LISTED  {change:<7} {what}\n              on {names[0]}{more}")
    if limit is not None and len(lines) > limit:
        lines[limit:] = [f"  NOT LISTED  and {len(lines) - limit} more"]
    for entry, count in counts.items():
        mark = f"{count} times" if count else "GONE"
        lines.append(f"  {mark:<11} {entry.change:<7} {entry.what}\n              on {entry.page}: {entry.why}")
    return "\n".join(lines)


def known(data: dict[str, Any], generator: str) -> list[Known]:
    """The listed differences of one generator."""
    entries = [Known(**entry) for entry in data["differences"] or []]
    if strange := [entry for entry in entries if entry.generator not in data["generators"] or not entry.why.strip()]:
        raise ValueError(f"{LIST}: {strange[0]}: name a generator of the list, and a reason")
    return [entry for entry in entries if entry.generator == generator]


def environment(folder: Path, packages: list[str], constraint: Path) -> Path:
    """Folder of the programs of a virtual environment with these packages; made anew when the list changed.

    Raises:
        subprocess.CalledProcessError: when pip cannot install them.
    """
    wanted = json.dumps([sys.version, packages, constraint.read_text(encoding="utf-8")])
    done = folder / "complete.json"
    if not done.exists() or done.read_text(encoding="utf-8") != wanted:
        venv.create(folder, clear=True, with_pip=True)
        command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*command, "--constraint", str(constraint), *packages], check=True)
        done.write_text(wanted, encoding="utf-8")
    return folder / "bin"


def build(root: Path, out: Path, command: list[str]) -> None:
    """Render the stage into ``out`` and add what stands beside the pages, as ``make site`` does."""
    start = time.perf_counter()
    mkdocs.render_whole(root, out, command)
    for lang in ("en", "zh"):
        shutil.rmtree(Stage(root).edition(lang) / ".cache", ignore_errors=True)
    assemble.add_files(Stage(root), out)
    print(f"{command[0].rpartition('/')[2]:<12} built both editions in {time.perf_counter() - start:.1f} s", flush=True)


def run(root: Path, names: list[str], newest: bool) -> int:
    """Build with MkDocs and each generator, print what differs; 0 when all of it is listed, else 1."""
    data = yaml.safe_load((root / LIST).read_text(encoding="utf-8"))
    ours = Stage(root).canary / "mkdocs" / "site"
    build(root, ours, mkdocs.GENERATOR)
    already = _broken(ours)
    failed = []
    for name in names or data["generators"]:
        generator = data["generators"][name]
        folder = Stage(root).canary / (f"{name}-newest" if newest else name)
        packages = [re.sub("==.*", "", p) if newest and p.startswith(f"{name}==") else p for p in generator["packages"]]
        print(f"\n{name}: {' '.join(packages)}", flush=True)
        try:
            if newest:
                shutil.rmtree(folder, ignore_errors=True)  # yesterday's newest is not today's
            programs = environment(folder, packages, root / "requirements.lock")
            version = subprocess.check_output([programs / "python", "-m", "pip", "show", name], text=True)
            print(f"{name:<12} {re.findall(r'Version: (.*)', version)[0]}")
            program, *options = generator["command"]
            build(root, folder / "site", [str(programs / program), *options])
        except (BuildError, subprocess.CalledProcessError) as error:
            print(f"{name} failed:\n{error}")
            failed.append(name)
            continue
        found = [*compare(ours, folder / "site"), *(_broken(folder / "site") - already)]
        unlisted, counts, gone = judge(found, known(data, name))
        (folder / "differences.txt").write_text(table(unlisted, counts, None) + "\n", encoding="utf-8")
        print(table(unlisted, counts) or "  no difference")
        if unlisted or gone:
            failed.append(name)
            print(f"{name}: mend the stage, or write the difference and its reason into {LIST}; take out what is gone.")
    print(f"\n{'Differs from MkDocs: ' + ', '.join(failed) if failed else 'Nothing differs but what is listed.'}")
    return bool(failed)


def _broken(site: Path) -> set[Difference]:
    """What the build's checks say of this site; some need files that only a finished site has."""
    return {Difference("broken", problem.message, problem.path) for problem in check.check(site, "")}


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m scripts.tools.canary", description=__doc__.splitlines()[0])
    parser.add_argument("generators", nargs="*", help="those to try; all without")
    parser.add_argument("--newest", action="store_true", help="the newest version that installs, not the pinned one")
    options = parser.parse_args(arguments)
    if not Stage(root).config("en").exists():
        print("build/stage is not there: run `make clean site` first.", file=sys.stderr)
        return 1
    try:
        with FileLock(Stage(root).lock, timeout=0):
            return run(root, options.generators, options.newest)
    except Timeout:
        print("Another build runs in this checkout; wait for it to end.", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
