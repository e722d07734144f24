"""The whole site as one archive, and a gzip copy beside each of its text files."""

from __future__ import annotations

import gzip
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

COMPRESSED = {".html", ".css", ".js", ".json", ".svg", ".xml", ".txt", ".md"}
ARCHIVE = "deep-learning-guide.zip"
EARLIEST = (1980, 1, 1, 0, 0, 0)  # the time that a zip archive can say at the earliest
SMALLEST = 1024  # bytes; compressing less saves nothing


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
