"""Lets an experiment import its companions, by the bytes that the verifier read, and nothing else of the repository."""

from __future__ import annotations

import hashlib
import sys
import types
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path


class Companions(MetaPathFinder, Loader):
    """Finds the modules that it was told, and the packages that they lie in, which hold nothing else.

    Args:
        files: module, file and SHA-256 of each.
    """

    def __init__(self, files: list[list[str]]) -> None:
        self._files = {module: (file, sha256) for module, file, sha256 in files}
        self._packages = {
            module.rsplit(".", level)[0] for module in self._files for level in range(1, module.count(".") + 1)
        }

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        """A module of these; none for all others."""
        if fullname in self._packages:
            return ModuleSpec(fullname, self, is_package=True)
        if fullname in self._files:
            return ModuleSpec(fullname, self, origin=self._files[fullname][0])
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        """Run the file as a module.

        Raises:
            ValueError: it is not what the verifier read.
        """
        if module.__name__ in self._packages:
            return
        file, sha256 = self._files[module.__name__]
        source = Path(file).read_bytes()
        if hashlib.sha256(source).hexdigest() != sha256:
            raise ValueError(f"{file} changed since the verifier read it; verify it again")
        module.__file__ = file
        exec(compile(source, file, "exec", dont_inherit=True), module.__dict__)


def allow(files: list[list[str]]) -> None:
    """From now on these can be imported in this process."""
    if files:
        sys.meta_path.insert(0, Companions(files))
