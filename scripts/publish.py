"""Puts a checked site in the place of the old one, by one rename."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

COMPRESSED = {".html", ".css", ".js", ".json", ".svg", ".xml", ".txt", ".md"}
SMALLEST = 1024  # bytes; compressing less saves nothing


def add_files(root: Path, out: Path) -> None:
    """Copy what stands beside the pages: snippets, notebooks, data, and each page as Markdown."""
    shutil.copytree(root / "build" / "stage" / "files", out, dirs_exist_ok=True)
    shutil.copytree(root / "build" / "stage" / "en" / "markdown", out, dirs_exist_ok=True)
    shutil.copytree(root / "build" / "stage" / "zh" / "markdown", out / "zh", dirs_exist_ok=True)
    for extra in ("sitemap.xml.gz", "zh/sitemap.xml.gz"):
        (out / extra).unlink(missing_ok=True)


def compress(out: Path) -> None:
    """Write a gzip copy beside each text file worth it; the same input gives the same bytes."""
    for path in out.rglob("*"):
        if path.is_file() and path.suffix in COMPRESSED and path.stat().st_size >= SMALLEST:
            data = gzip.compress(path.read_bytes(), compresslevel=9, mtime=0)
            path.with_name(path.name + ".gz").write_bytes(data)


def publish(out: Path, site: Path) -> None:
    """Replace ``site`` by ``out``. At every moment one whole site is there, the old one or the new."""
    old = site.with_name(site.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if site.exists():
        _exchange(out, site)
        shutil.rmtree(out)
    else:
        out.replace(site)


def _exchange(new: Path, site: Path) -> None:
    """Swap two folders: in one step where the kernel can (renameat2), else by two renames."""
    import ctypes
    import os

    at_cwd, exchange = -100, 2
    libc = ctypes.CDLL(None, use_errno=True)
    renameat2 = getattr(libc, "renameat2", None)
    if renameat2 and renameat2(at_cwd, os.fsencode(new), at_cwd, os.fsencode(site), exchange) == 0:
        return
    aside = site.with_name(site.name + ".old")
    site.replace(aside)
    new.replace(site)
    aside.replace(new)
