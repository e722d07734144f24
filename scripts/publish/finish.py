"""Makes the rendered pages light and safe: one stylesheet each, small formula fonts, a Content-Security-Policy."""

from __future__ import annotations

import os
from pathlib import Path

from scripts import memory
from scripts.problems import stop_on
from scripts.publish import fonts, hosting, policy, stylesheets, unused_styles


def finish(out: Path, cache: Path) -> None:
    """Rewrite every page of the rendered site below ``out`` and write the files that web hosts read.

    ``cache`` is a folder that may be kept from build to build.

    Raises:
        BuildError: when a page holds a script that is not the theme's.
    """
    data = {path: path.read_bytes() for path in sorted(out.rglob("*.html"))}
    found = memory.each(unused_styles.page_words, [(page,) for page in data.values()])
    fonts.subset(out, "".join(page.letters for page in found), cache / "fonts")
    words = unused_styles.words_of(found, (script.read_text(encoding="utf-8") for script in out.rglob("*.js")))
    pages = {path: page.decode("utf-8") for path, page in data.items()}
    pages = stylesheets.bundle(out, pages, words)
    known = policy.theme_scripts()
    stop_on(
        problem
        for path, text in pages.items()
        for problem in policy.strangers(text, path.relative_to(out).as_posix(), known)
    )
    hashes: set[str] = set()
    for path, text in pages.items():
        own = policy.inline_scripts(text, known)
        hashes |= own
        path.write_text(policy.with_policy(text, own), encoding="utf-8")
    for name, content in hosting.files(sorted(hashes), os.environ.get("SITE_URL", "")):
        (out / name).write_text(content, encoding="utf-8")
