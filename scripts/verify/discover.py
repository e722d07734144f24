"""Snippets: which files a call means, and what can be told of them without running them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from scripts import companions
from scripts.companions import Companion

ROOT = Path(__file__).resolve().parents[2]


class BadCall(Exception):
    """The command line asks for something that cannot be done; its text says what and how to mend it."""


@dataclass(frozen=True)
class Snippet:
    """One file: ``path`` as reports name it, ``file`` where it lies, and its bytes."""

    path: str
    file: Path
    content: bytes

    @cached_property
    def sha256(self) -> str:
        """Hash of the bytes, and of those of its companions."""
        return companions.digest(self.content, self.companions)

    @property
    def is_broken(self) -> bool:
        """Whether it shows a fault, by its name ``broken_<cause>.py``: it may warn, and end with an error."""
        return self.path.rpartition("/")[2].startswith("broken_")

    @cached_property
    def text(self) -> str:
        """The bytes as text, for showing lines."""
        return self.content.decode(errors="replace")

    @cached_property
    def companions(self) -> tuple[Companion, ...]:
        """What it imports of the repository that it lies in; see :mod:`scripts.companions`."""
        place = "/".join(self.file.parts[-4:])
        room = len(self.file.parts) > 4 and place.startswith(f"{companions.PACKAGE}/")
        return companions.of(self.file.parents[3], place, self.content) if room else ()

    @cached_property
    def imports(self) -> list[str]:
        """Dotted names of the modules that it or its companions import anywhere."""
        files = (self.content, *(companion.content for companion in self.companions))
        return sorted({name for content in files for name in companions.imported(content)})


def display_path(file: Path) -> str:
    """Relative to the repository where it lies in it, else absolute; never by way of ``..``."""
    absolute = file.resolve() if ".." in file.parts else file.absolute()
    return absolute.relative_to(ROOT).as_posix() if absolute.is_relative_to(ROOT) else absolute.as_posix()


def discover(paths: Iterable[str]) -> list[Snippet]:
    """Every ``.py`` file that the paths name or hold, once each, in order of path.

    What all experiments share is in no folder: it runs with each of them.

    Raises:
        BadCall: a path does not exist, is no ``.py`` file, cannot be read, or holds none; or a file is a link.
    """
    files: dict[str, Path] = {}
    for name in paths:
        path = Path(name)
        if path.is_dir():
            files_below = (p for p in sorted(path.rglob("*.py")) if not p.is_dir() and not _hidden(p.relative_to(path)))
            inside = [p for p in files_below if (p.parent.name, p.name) != (companions.PACKAGE, companions.SHARED)]
            if not inside:
                raise BadCall(f"{name}: no .py file in this folder")
        elif path.is_file() or path.is_symlink():
            if path.suffix != ".py":
                raise BadCall(f"{name}: not a .py file")
            inside = [path]
        else:
            raise BadCall(f"{name}: no such file or folder")
        files |= {display_path(p): p for p in inside}
    return [_snippet(shown, file) for shown, file in sorted(files.items())]


def _snippet(shown: str, file: Path) -> Snippet:
    if file.is_symlink():
        raise BadCall(f"{shown}: a symbolic link; put the file itself there")
    if not file.is_file():
        raise BadCall(f"{shown}: not a regular file")
    if any(not c.isprintable() for c in shown):
        raise BadCall(f"{shown!a}: its name holds characters that cannot be shown; rename it")
    try:
        file = file.resolve() if ".." in file.parts else file.absolute()
        return Snippet(shown, file, file.read_bytes())
    except OSError as error:
        raise BadCall(f"{shown}: {error.strerror}") from error


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.parts)
