"""The whole site as one archive, and a gzip copy beside each of its text files."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

COMPRESSED = {".html", ".css", ".js", ".json", ".svg", ".xml", ".txt", ".md"}
ARCHIVE = "deep-learning-guide.zip"
EARLIEST = (1980, 1, 1, 0, 0, 0)  # the time that a zip archive can say at the earliest
LEVEL = 9
SMALLEST = 1024  # bytes; compressing less saves nothing


def pack(out: Path, kept: Path) -> None:
    """Write the archive, and a gzip copy beside each text file worth it; the same input gives the same bytes.

    ``kept`` is a folder with the copies of the last build, by the content of what they are copies of.
    """
    kept.mkdir(parents=True, exist_ok=True)
    files = sorted(path for path in out.rglob("*") if path.is_file())
    alike: dict[str, list[Path]] = {}  # by content: both editions hold the same scripts, and each is compressed once
    for path in files:
        if path.suffix in COMPRESSED and path.stat().st_size >= SMALLEST:
            alike.setdefault(hashlib.sha256(path.read_bytes()).hexdigest(), []).append(path)
    with ThreadPoolExecutor() as pool:  # zlib frees the interpreter
        archived = pool.submit(_archive, out, files)
        wanted = set(pool.map(lambda content: _compress(kept / f"{content}.gz", alike[content]), alike))
        archived.result()
    for copy in kept.iterdir():
        if copy.name not in wanted:
            copy.unlink()


def _archive(out: Path, files: list[Path]) -> None:
    """The whole site as one archive for reading without a network."""
    unfinished = out.with_name(ARCHIVE)
    write(unfinished, out, files, f"{unfinished.stem}/")
    unfinished.replace(out / ARCHIVE)


def write(archive: Path, root: Path, files: list[Path], folder: str = "") -> None:
    """A zip archive of files below ``root``, in ``folder``; the same files give the same bytes."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as file:
        for path in files:
            name = zipfile.ZipInfo(f"{folder}{path.relative_to(root).as_posix()}", EARLIEST)
            file.writestr(name, path.read_bytes(), zipfile.ZIP_DEFLATED)


def _link(kept: Path, copy: Path) -> None:
    """One file by two names, which neither side writes to, where the disk can; else a copy."""
    copy.unlink(missing_ok=True)  # never write through a link into what is kept
    try:
        copy.hardlink_to(kept)
    except OSError:
        shutil.copyfile(kept, copy)


def _compress(kept: Path, paths: list[Path]) -> str:
    """Put the gzip copy of these files, which are alike, beside each; the name of the kept one."""
    if not kept.exists():
        unfinished = kept.with_suffix(".tmp")
        unfinished.write_bytes(gzip.compress(paths[0].read_bytes(), compresslevel=LEVEL, mtime=0))
        unfinished.replace(kept)
    for path in paths:
        _link(kept, path.with_name(path.name + ".gz"))
    return kept.name
