"""Puts a checked site in the place of the old one, by one rename."""

from __future__ import annotations

import ctypes
import os
import shutil
from pathlib import Path


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
    at_cwd, exchange = -100, 2
    libc = ctypes.CDLL(None, use_errno=True)
    renameat2 = getattr(libc, "renameat2", None)
    if renameat2 and renameat2(at_cwd, os.fsencode(new), at_cwd, os.fsencode(site), exchange) == 0:
        return
    aside = site.with_name(site.name + ".old")
    site.replace(aside)
    new.replace(site)
    aside.replace(new)
