"""Files that a snippet leaves in its working directory: taken without trust, published in one step."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from scripts.verify.cache import write_atomically

KINDS = (".svg", ".csv", ".png", ".json", ".txt")
SIZE_LIMIT = 2 << 20
COUNT_LIMIT = 32
UP = f".moved-up-{os.getpid()}-"
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


def place(build: Path, snippet: str, device: str) -> Path:
    """Where the artifacts of a snippet lie: below its whole name, so that no snippet's folder lies in another's."""
    return build / "artifacts" / snippet.lstrip("/") / device


def publish(folder: Path, artifacts: dict[str, bytes]) -> list[Path]:
    """Make ``folder`` hold exactly these files; unchanged ones are not touched."""
    if folder.is_dir():
        for path in folder.iterdir():
            if path.name not in artifacts:
                remove_tree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        if not artifacts:
            folder.rmdir()
    for name, content in artifacts.items():
        file = folder / name
        if not file.is_file() or file.read_bytes() != content:
            write_atomically(file, content)
    return [folder / name for name in sorted(artifacts)]


def remove_tree(folder: Path) -> None:
    """Delete a folder, if it is there, whatever a snippet did to the modes inside and however deep it went.

    A folder inside a folder is moved up, emptied and deleted there: no path ever gets longer than two names.
    """
    try:
        top = os.open(_opened(folder), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return
    number = 0
    try:
        while names := os.listdir(top):  # noqa: PTH208  (of a descriptor)
            for name in names:
                if not _is_folder(name, top):
                    os.unlink(name, dir_fd=top)
                    continue
                os.chmod(name, 0o700, dir_fd=top)
                inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
                try:
                    for entry in os.listdir(inner):  # noqa: PTH208
                        if _is_folder(entry, inner):
                            os.chmod(entry, 0o700, dir_fd=inner)
                            number += 1
                            os.rename(entry, f"{UP}{number}", src_dir_fd=inner, dst_dir_fd=top)
                        else:
                            os.unlink(entry, dir_fd=inner)
                finally:
                    os.close(inner)
                os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
    folder.rmdir()


def _opened(folder: Path) -> Path:
    """The folder itself, with the right to work in it."""
    if folder.is_dir() and not folder.is_symlink():
        folder.chmod(0o700)
    return folder


def _is_folder(name: str, fd: int) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode)
