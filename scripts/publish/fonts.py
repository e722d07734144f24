"""The fonts of formulas, cut down to the characters that the site's pages hold."""

from __future__ import annotations

import hashlib
import io
import shutil
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

from scripts.memory import remembered
from scripts.sources.catalog import LANGUAGES

FOLDER = Path("assets") / "katex" / "fonts"
ALWAYS = "<>&\u200b"  # written in pages as entities, or by the style sheet


def subset(out: Path, text: str, cache: Path) -> None:
    """Cut each font of the root's copy to the characters of ``text``; the editions' own copies go.

    ``cache`` keeps what was cut, by the font's content and its characters: compressing a font takes long.
    """
    for lang in LANGUAGES:
        shutil.rmtree(out / lang / FOLDER, ignore_errors=True)
    letters = {ord(letter) for letter in set(text) | set(ALWAYS)}
    cache.mkdir(parents=True, exist_ok=True)
    for path in sorted((out / FOLDER).glob("*.woff2")):
        data = path.read_bytes()
        wanted = sorted(letters & _letters(data))
        kept = cache / f"{hashlib.sha256(data + repr(wanted).encode()).hexdigest()}.woff2"
        if not kept.exists():
            _cut(data, wanted, kept)
        shutil.copyfile(kept, path)


@remembered
def _letters(data: bytes) -> frozenset[int]:
    return frozenset(TTFont(io.BytesIO(data)).getBestCmap())


def _cut(data: bytes, wanted: list[int], target: Path) -> None:
    font = TTFont(io.BytesIO(data), recalcTimestamp=False)  # the same input gives the same bytes
    subsetter = Subsetter(Options(layout_features=["*"], notdef_outline=True, hinting=False))
    subsetter.populate(unicodes=wanted)
    subsetter.subset(font)
    font.flavor = "woff2"
    unfinished = target.with_suffix(".tmp")
    font.save(unfinished)
    unfinished.replace(target)
