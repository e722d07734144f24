"""Puts what stands beside the pages into the rendered site."""

from __future__ import annotations

import shutil
from pathlib import Path

from scripts.publish import archive
from scripts.sources.snippets import PLANTED
from scripts.stage import Stage


def add_files(stage: Stage, out: Path) -> None:
    """Copy what stands beside the pages: snippets, notebooks, data, and each page as Markdown."""
    shutil.copytree(stage.files, out, dirs_exist_ok=True)
    shutil.copytree(stage.markdown("en"), out, dirs_exist_ok=True)
    shutil.copytree(stage.markdown("zh"), out / "zh", dirs_exist_ok=True)
    if (out / "bugs").is_dir():
        archive.write(out / "bugs.zip", out, sorted([*(out / "bugs").rglob("*.py"), *out.glob("bugs.*json")]))
    archive.write(out / "snippets.zip", stage.root, _code(stage.root))
    for edition in (out, out / "zh"):
        (edition / "sitemap.xml.gz").unlink(missing_ok=True)
        sitemap = edition / "sitemap.xml"
        if sitemap.exists() and "<loc>" not in sitemap.read_text(encoding="utf-8"):
            sitemap.unlink()  # no public address is known, and a sitemap holds whole addresses only


def _code(root: Path) -> list[Path]:
    """The snippets where the repository has them, for experiments that import others; planted programs import none."""
    files = sorted((root / "snippets").rglob("*.py"))
    return [path for path in files if not path.name.startswith(tuple(f"{role}_" for role in PLANTED))]
