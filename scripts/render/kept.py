"""Which pages are still as the site generator rendered them last, told by the content of all that a page depends on.

Times of files tell nothing here: a page is kept only when its text, the configuration with its navigation, the
theme, the extensions, the installed packages and the site's address are the same to the byte.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path

from scripts.stage import Stage

Keys = dict[str, str]  # page, as the generator names it -> hash of what it depends on
SHARED = (
    "mkdocs.yml",
    "mkdocs.zh.yml",
    "docs/theme",
    "scripts/formulas.py",
    "scripts/vendor",
)
REFERENCE = ("snippets", "scripts")  # whose docstrings the reference pages show


def keys(stage: Stage, lang: str) -> Keys:
    """Every page of the stage and a hash of what it depends on."""
    root = stage.root
    versions = sorted((d.metadata["Name"], d.version) for d in distributions())
    address = [os.environ.get(name, "") for name in ("SITE_URL", "SITE_URL_ZH")]
    common = _contents([stage.config(lang), *(root / name for name in SHARED)])
    shared = _hash([repr((versions, address)).encode(), *common])
    docstrings = _hash(_contents(root / name for name in REFERENCE))
    found: Keys = {}
    for path in sorted(stage.docs(lang).rglob("*.md")):
        name = path.relative_to(stage.docs(lang)).as_posix()
        more = [docstrings] if name.startswith("reference/") else []
        found[name] = _hash([shared.encode(), path.read_bytes(), *(text.encode() for text in more)])
    return found


def _contents(paths: Iterable[Path]) -> Iterable[bytes]:
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                yield file.as_posix().encode()
                yield file.read_bytes()


def _hash(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def keep(folder: Path, state: Path, now: Keys) -> int:
    """Remove every rendered page below ``folder`` that is not what rendering it now would give.

    The record forgets those too, at once: whatever becomes of the rendering, none of them passes for done.

    Returns:
        How many pages are kept; they look newer than their sources to the generator.
    """
    try:
        known: Keys = json.loads(state.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    same = {name: key for name, key in now.items() if known.get(name) == key}
    if any(name.startswith("reference/") for name in now.keys() - same.keys()):
        same = {name: key for name, key in same.items() if not name.startswith("reference/")}  # they link to each other
    pages = {name: folder / f"{name.removesuffix('.md')}.html" for name in same}
    same = {name: key for name, key in same.items() if pages[name].is_file()}
    state.parent.mkdir(parents=True, exist_ok=True)
    state.write_text(json.dumps(same), encoding="utf-8")
    kept = {pages[name] for name in same}
    for page in folder.rglob("*.html"):
        if page in kept:
            os.utime(page)
        else:
            page.unlink()
    return len(kept)


def whole(folder: Path, state: Path, now: Keys) -> bool:
    """Whether all that was rendered below ``folder`` is what rendering would give now, and nothing else is there."""
    try:
        known: Keys = json.loads(state.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return known == now and all((folder / f"{name.removesuffix('.md')}.html").is_file() for name in now)


def remember(state: Path, now: Keys) -> None:
    """All pages were rendered, and nothing was found wrong with them."""
    state.write_text(json.dumps(now), encoding="utf-8")
