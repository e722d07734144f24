"""One stylesheet a page: all that a page links, in its order, as one file named by its content."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from scripts.publish import unused_styles
from scripts.sources.catalog import LANGUAGES

HEAD_END = "</head>"  # no stylesheet is linked after it
LINK = re.compile(r'[ \t]*<link rel="stylesheet" href="([^"]*?)(assets/[^"]+)">\n?')
URL = re.compile(r"""url\(\s*(['"]?)(?!data:|#|https?:)([^'")]+)\1\s*\)""")


def bundle(out: Path, pages: dict[Path, str], words: unused_styles.Words) -> dict[Path, str]:
    """The pages with their stylesheets replaced by one each; both editions share the files, the parts are deleted.

    ``words`` are those of the whole site: what no page and no script can need is left out.
    """
    made: dict[tuple[str, ...], str] = {}
    done = {}
    for path, text in pages.items():
        head, end, rest = text.partition(HEAD_END)
        names = tuple(name for _, name in LINK.findall(head))
        if names not in made:
            whole = "\n".join(_relocated(out / name, out / "assets") for name in names)
            made[names] = _write(out / "assets", unused_styles.drop(whole, words))
        link = f'    <link rel="stylesheet" href="{_root(out, path, head)}assets/{made[names]}">\n'
        first = True

        def replace(_: re.Match[str], link: str = link) -> str:
            nonlocal first
            kept, first = link if first else "", False
            return kept

        done[path] = LINK.sub(replace, head) + end + rest
    for name in {name for names in made for name in names}:
        for copy in (out / name, *(out / lang / name for lang in LANGUAGES)):
            copy.unlink(missing_ok=True)
    return done


def _root(out: Path, path: Path, text: str) -> str:
    """The way from a page to the site's root; a 404 page is shown at any address, so its links begin at the host."""
    if path.name == "404.html":
        found = LINK.search(text)
        return found[1].removesuffix("zh/") if found else "/"
    return "".join("../" for _ in path.relative_to(out).parts[1:])


def _relocated(file: Path, folder: Path) -> str:
    """A stylesheet's text, its addresses rewritten for a stylesheet in ``folder``."""
    text = file.read_text(encoding="utf-8").removeprefix('@charset "UTF-8";')
    text = re.sub(r"/\*# sourceMappingURL=.*?\*/", "", text)

    def address(match: re.Match[str]) -> str:
        return f"url({os.path.relpath(file.parent / match[2], folder)})"

    return URL.sub(address, text)


def _write(folder: Path, text: str) -> str:
    name = f"style.{hashlib.sha256(text.encode()).hexdigest()[:10]}.css"
    (folder / name).write_text(text, encoding="utf-8")
    return name
