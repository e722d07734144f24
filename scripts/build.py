"""From sources to a published site, stage by stage; ``STAGES`` lists them.

Run as ``python -m scripts.build``. Any failure names file and line and leaves the site of before as it was.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path

from filelock import FileLock, Timeout

from scripts import claims, memory, verdicts
from scripts.generate import Site, generate
from scripts.problems import ROOT, BuildError, Problem, stop_on
from scripts.publish import archive, assemble, check, swap
from scripts.publish.finish import finish
from scripts.render import mkdocs
from scripts.report import Report
from scripts.sources import checks, snippets
from scripts.sources.catalog import Catalog, load
from scripts.stage import Stage
from scripts.verify import Options, Session, VerifierProblem, join

# In their order. What a stage makes, later ones read; nothing runs back.
STAGES = {
    "sources": "read and check pages, papers, snippets, sections",
    "verify": "run every snippet in a process of its own",
    "claims": "run the tests behind the pages' claims",
    "generate": "resolve every mark of the pages, write what stands beside them",
    "render": "let MkDocs make HTML of both editions",
    "publish": "make pages light and safe, check them, compress, and put all in place by one rename",
}
SOURCES = ("docs", "snippets", "scripts", "tests", "reports", "mkdocs.yml", "mkdocs.zh.yml", "pyproject.toml")


def fingerprint(root: Path, options: list[str]) -> str:
    """A hash of everything the site depends on: sources, installed packages, options."""
    digest = hashlib.sha256(json.dumps(options).encode())
    for name in SOURCES:
        path = root / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    digest.update(repr(sorted((d.metadata["Name"], d.version) for d in distributions())).encode())
    return digest.hexdigest()


@contextmanager
def timed(stage: str) -> Iterator[None]:
    """Say how long a stage took."""
    start = time.perf_counter()
    yield
    print(f"{stage:<10} {time.perf_counter() - start:6.1f} s", flush=True)


def verify(catalog: Catalog, reports: list[str], device: str) -> Report:
    """Run every snippet, and join what other machines reported: the given reports, and those in ``reports/``.

    A given report must be about the sources at hand. Of one in ``reports/`` a result counts while its snippet is still
    the same.

    Raises:
        BuildError: when a snippet did not pass, or the verifier itself failed.
    """
    root, stage = catalog.root, Stage(catalog.root)
    stage.verification.unlink(missing_ok=True)  # whatever happens now, nobody publishes from the report of before
    pages = catalog.embedded_in()
    stage.build.mkdir(exist_ok=True)
    stage.embedded_in.write_text(json.dumps(pages), encoding="utf-8")
    try:
        with Session(root, Options(device=device)) as session:
            own = session.report(pages)
        result = join(own, [Path(name) for name in reports], sorted((root / "reports").glob("*.json")))
    except VerifierProblem as problem:
        stop_on([Problem("scripts/verify", 1, str(problem), "Mend that, and build again.")])
    text = json.dumps(result.to_json(), indent=1, ensure_ascii=False) + "\n"
    stage.verification.write_text(text, encoding="utf-8")
    stop_on(verdicts.problems(result, catalog.snippets))
    return result


def edited(root: Path, verified: Report) -> Iterator[Problem]:
    """Snippets that are no longer what was verified: somebody saved one while the build ran."""
    now = {snippet.path: snippet.sha256 for snippet in snippets.load(root)}
    for result in verified.results:
        if now.get(result.path) != result.sha256:
            yield Problem(result.path, 1, "it was edited while the build ran, after it was verified", "Build again.")


def build(root: Path, reports: list[str], device: str) -> None:
    """The whole way, once.

    Raises:
        BuildError: with every problem of the first stage that found any.
    """
    stage, address = Stage(root), os.environ.get("SITE_URL", "")
    with timed("sources"):
        catalog = load(root)
        stop_on(checks.inspect(catalog))
    with timed("verify"):
        verified = verify(catalog, reports, device)
    with timed("claims"):
        results = claims.run(catalog)
    stop_on(edited(root, verified))
    with timed("generate"):
        generate(Site(catalog, verified, results, address))
    with timed("render"):
        out = mkdocs.render(root)
    with timed("publish"):
        assemble.add_files(stage, out)
        finish(out, stage.build)
        stop_on(check.check(out, address))
        archive.pack(out, stage.compressed)
        stop_on(edited(root, verified))  # between the two looks its bytes went into pages
        swap.publish(out, root / "site")


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Command line; the exit code is 0 when the site is published and proved, 1 when not."""
    parser = argparse.ArgumentParser(prog="python -m scripts.build", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--reports", nargs="*", default=[], help="reports of other machines, to publish with this one's"
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, mps or all")
    parser.add_argument("--force", action="store_true", help="build although nothing changed")
    parser.add_argument("--stages", action="store_true", help="list the stages and build nothing")
    options = parser.parse_args(arguments)
    if options.stages:
        print("\n".join(f"{name:<10} {what}" for name, what in STAGES.items()))
        return 0
    stage = Stage(root)
    stage.build.mkdir(exist_ok=True)
    try:
        with FileLock(stage.lock, timeout=0):
            return _main(root, options)
    except Timeout:
        print("Another build runs in this checkout; wait for it to end.", file=sys.stderr)
        return 1


def _main(root: Path, options: argparse.Namespace) -> int:
    start = time.perf_counter()
    inputs = [options.device, *(os.environ.get(name, "") for name in ("SITE_URL", "SITE_URL_ZH"))]
    inputs += [Path(path).read_text(encoding="utf-8") for path in options.reports]
    now = fingerprint(root, inputs)
    stamp = Stage(root).stamp
    if not options.force and (root / "site").is_dir() and stamp.exists() and stamp.read_text(encoding="utf-8") == now:
        print("Nothing changed since site/ was published.")
        return 0
    try:
        with memory.kept(Stage(root).remembered):
            build(root, options.reports, options.device)
    except BuildError as error:
        print(f"\n{error}\n\n{len(error.problems)} to mend; site/ is as it was.", file=sys.stderr)
        return 1
    if fingerprint(root, inputs) == now:  # else somebody edited meanwhile, and the next build must run
        stamp.write_text(now, encoding="utf-8")
    print(f"Published site/ in {time.perf_counter() - start:.1f} s. Look at it: make serve, or open site/index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
