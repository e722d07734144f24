"""Files that a snippet leaves in its working directory: taken without trust, published in one step."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
from pathlib import Path

from scripts.verify.cache import write_atomically

KINDS = (".svg", ".csv", ".png", ".json", ".txt")
SIZE_LIMIT = 2 << 20
COUNT_LIMIT = 32
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class TooMuch(Exception):
    """An artifact is too large, or there are too many."""


def collect(folder: Path) -> dict[str, bytes]:
    """Regular files of the known kinds at the top of ``folder``; links and the rest are ignored."""
    found: dict[str, bytes] = {}
    for name in sorted(entry.name for entry in folder.iterdir()):
        path = folder / name
        if path.suffix not in KINDS or not _NAME.fullmatch(name) or not stat.S_ISREG(path.lstat().st_mode):
            continue
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as stream:
            content = stream.read(SIZE_LIMIT + 1)
        if len(content) > SIZE_LIMIT:
            raise TooMuch(f"{name} is larger than {SIZE_LIMIT >> 20} MiB")
        found[name] = content
        if len(found) > COUNT_LIMIT:
            raise TooMuch(f"more than {COUNT_LIMIT} files were left in the working directory")
    return found


def publish(folder: Path, artifacts: dict[str, bytes]) -> list[Path]:
    """Make ``folder`` hold exactly these files; unchanged ones are not touched."""
    if folder.is_dir():
        for path in folder.iterdir():
            if path.name not in artifacts:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        if not artifacts:
            folder.rmdir()
    for name, content in artifacts.items():
        file = folder / name
        if not file.is_file() or file.read_bytes() != content:
            write_atomically(file, content)
    return [folder / name for name in sorted(artifacts)]


def remove_tree(folder: Path) -> None:
    """Delete a folder, if it is there, whatever a snippet did to the modes inside."""

    def retry(_function: object, path: str, _error: object) -> None:
        shut = Path(path)
        with contextlib.suppress(FileNotFoundError):
            shut.parent.chmod(0o700)
            if shut.is_dir() and not shut.is_symlink():
                shut.chmod(0o700)
                shutil.rmtree(shut, ignore_errors=True)
            else:
                shut.unlink()

    shutil.rmtree(folder, onerror=retry)
