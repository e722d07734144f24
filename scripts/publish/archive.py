"""Puts a checked site in the place of the old one, by one rename."""

from __future__ import annotations

import gzip
import shutil
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

COMPRESSED = {".html", ".css", ".js", ".json", ".svg", ".xml", ".txt", ".md"}
ARCHIVE = "deep-learning-guide.zip"
EARLIEST = (1980, 1, 1, 0, 0, 0)  # the time that a zip archive can say at the earliest
SMALLEST = 1024  # bytes; compressing less saves nothing


def add_files(root: Path, out: Path) -> None:
    """Copy what stands beside the pages: snippets, notebooks, data, and each page as Markdown."""
    shutil.copytree(root / "build" / "stage" / "files", out, dirs_exist_ok=True)
    shutil.copytree(root / "build" / "stage" / "en" / "markdown", out, dirs_exist_ok=True)
    shutil.copytree(root / "build" / "stage" / "zh" / "markdown", out / "zh", dirs_exist_ok=True)
    for edition in (out, out / "zh"):
        (edition / "sitemap.xml.gz").unlink(missing_ok=True)
        sitemap = edition / "sitemap.xml"
        if sitemap.exists() and "<loc>" not in sitemap.read_text(encoding="utf-8"):
            sitemap.unlink()  # no public address is known, and a sitemap holds whole addresses only


def archive(out: Path) -> None:
    """Write the whole site as one archive for reading without a network; the same input gives the same bytes."""
    unfinished = out.with_name(ARCHIVE)
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as file:
        for path in sorted(out.rglob("*")):
            if path.is_file():
                name = zipfile.ZipInfo(f"{unfinished.stem}/{path.relative_to(out).as_posix()}", EARLIEST)
                file.writestr(name, path.read_bytes(), zipfile.ZIP_DEFLATED)
    unfinished.replace(out / ARCHIVE)


def compress(out: Path) -> None:
    """Write a gzip copy beside each text file worth it; the same input gives the same bytes."""
    with ThreadPoolExecutor() as pool:  # zlib frees the interpreter
        list(pool.map(_compress, [path for path in out.rglob("*") if path.suffix in COMPRESSED]))


def _compress(path: Path) -> None:
    if path.is_file() and path.stat().st_size >= SMALLEST:
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
