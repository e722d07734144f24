"""What pure functions made of a text is kept from build to build, so that an edit costs what it changes.

A function marked by :func:`remembered` depends on nothing but its arguments and this repository's code: texts, bytes
and numbers in, values that nobody changes out. Within :func:`kept` its results come from the build before, unless the
code of the build, a script that it runs, or an installed package is another; what nobody asks for again is forgotten.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache, wraps
from importlib.metadata import distributions
from pathlib import Path
from typing import ParamSpec, TypeVar

from scripts.problems import ROOT

RULES = ("scripts", "docs/theme")  # the code that remembered functions run, scripts of the site among it
FEW = 24  # questions; for fewer, starting processes takes longer than the work
Asked = ParamSpec("Asked")
Made = TypeVar("Made")


class _Shelf:
    """The results of one function, by a hash of what it was asked: of this build, and of the one before."""

    def __init__(self, name: str) -> None:
        self.file = f"{name}.pickle"
        self.asked: dict[bytes, object] = {}
        self.before: dict[bytes, object] | None = None  # read when something is asked that is not known yet

    def find(self, key: bytes) -> bool:
        """Whether the result is known; then it is among those asked for."""
        if key not in self.asked:
            if self.before is None:
                self.before = _read(_folder / self.file) if _folder else {}
            if key in self.before:
                self.asked[key] = self.before[key]
        return key in self.asked

    def keep(self, folder: Path) -> None:
        """Write what was asked for where that is not what is there."""
        if self.before is None or self.asked.keys() == self.before.keys():
            return
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = (folder / self.file).with_suffix(".tmp")
        unfinished.write_bytes(pickle.dumps((_rule(), self.asked), pickle.HIGHEST_PROTOCOL))
        unfinished.replace(folder / self.file)


_shelf_of: dict[Callable[..., object], _Shelf] = {}
_folder: Path | None = None


def remembered(function: Callable[Asked, Made]) -> Callable[Asked, Made]:
    """The function, asked once for each arguments; an exception is not remembered."""
    shelf = _Shelf(f"{function.__module__.removeprefix('scripts.')}.{function.__name__}")

    @wraps(function)
    def remembering(*args: Asked.args, **kwargs: Asked.kwargs) -> Made:
        key = _key(*args, *kwargs.items())
        if not shelf.find(key):
            shelf.asked[key] = function(*args, **kwargs)
        return shelf.asked[key]  # type: ignore[return-value]

    _shelf_of[remembering] = shelf
    return remembering


def each(function: Callable[..., Made], questions: Sequence[tuple[object, ...]]) -> list[Made]:
    """The answers of a remembered function of a module, in order; many new ones are found by several processes."""
    shelf = _shelf_of[function]
    new = [question for question in questions if not shelf.find(_key(*question))]
    if len(new) > FEW:
        with ProcessPoolExecutor() as pool:
            found = pool.map(function, *zip(*new, strict=True), chunksize=16)
            shelf.asked |= {_key(*question): answer for question, answer in zip(new, found, strict=True)}
    return [function(*question) for question in questions]


@contextmanager
def kept(folder: Path, write: bool = True) -> Iterator[None]:
    """Within it, what the build before found out is taken from ``folder``; after it, what this one asked stands there.

    Also where it fails: whoever mends the fault builds again at once. Without ``write`` the folder stays as it is, for
    those who ask of a part only.
    """
    global _folder
    _folder = folder
    for shelf in _shelf_of.values():
        shelf.asked, shelf.before = {}, None
    try:
        yield
    finally:
        _folder = None
        for shelf in _shelf_of.values() if write else ():
            shelf.keep(folder)


def _key(*args: object) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for arg in args:
        data = arg if isinstance(arg, bytes) else arg.encode() if isinstance(arg, str) else repr(arg).encode()
        digest.update(f"{type(arg).__name__} {len(data)} ".encode())
        digest.update(data)
    return digest.digest()


@cache
def _rule() -> bytes:
    digest = hashlib.sha256(repr(sorted((d.metadata["Name"], d.version) for d in distributions())).encode())
    for folder in RULES:
        for file in sorted((ROOT / folder).rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.digest()


def _read(file: Path) -> dict[bytes, object]:
    try:
        rule, found = pickle.loads(file.read_bytes())
    except Exception:  # there is none, it was cut short, or it holds what the code no longer has: all is made again
        return {}
    return dict(found) if rule == _rule() else {}
