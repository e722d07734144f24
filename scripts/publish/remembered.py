"""What an earlier build found out of a file holds while its bytes, and the code that looks at it, are the same."""

from __future__ import annotations

import hashlib
import inspect
import pickle
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar

Found = TypeVar("Found")
FEW = 24  # files; for fewer, starting processes takes longer than the work


def each(
    cache: Path, look: Callable[[str, bytes], Found], files: Iterable[tuple[str, bytes]], salt: str = ""
) -> dict[str, Found]:
    """``look(name, data)`` of every file, from the cache where it was asked before.

    Args:
        cache: a folder that is kept from build to build; what is no longer asked for is forgotten.
        look: a function of a module; its result depends on nothing but its arguments and the module.
        files: names and contents.
        salt: what else the result depends on, such as the version of a library.
    """
    source = inspect.getsource(inspect.getmodule(look) or inspect.getmodule(each)) + salt  # type: ignore[arg-type]
    kept = cache / f"{look.__module__.rpartition('.')[2]}-{look.__name__}.pickle"
    known: dict[str, Found] = _read(kept)
    data = dict(files)
    keys = {name: _key(source, name, content) for name, content in data.items()}
    new = [name for name, key in keys.items() if key not in known]
    if len(new) > FEW:
        with ProcessPoolExecutor() as pool:
            found = list(pool.map(look, new, [data[name] for name in new], chunksize=16))
    else:
        found = [look(name, data[name]) for name in new]
    known |= {keys[name]: result for name, result in zip(new, found, strict=True)}
    if new:
        _write(kept, {key: known[key] for key in keys.values()})
    return {name: known[key] for name, key in keys.items()}


def _key(source: str, name: str, content: bytes) -> str:
    digest = hashlib.sha256(source.encode())
    for part in (name.encode(), content):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _read(path: Path) -> dict[str, Found]:
    try:
        found: dict[str, Found] = pickle.loads(path.read_bytes())
    except Exception:  # written by other code, or cut short: all is looked at again
        return {}
    return found


def _write(path: Path, known: dict[str, Found]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    unfinished.write_bytes(pickle.dumps(known))
    unfinished.replace(path)
