"""One edition's site generator, kept in a process of its own: what it renders is asked of it page by page."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from scripts.problems import Problem, stop_on
from scripts.render import mkdocs
from scripts.stage import Stage


class Renderer:
    """Talks to ``python -m scripts.preview.mkdocs_pages``, a line a page."""

    def __init__(self, root: Path, lang: str, folder: Path) -> None:
        self.root = root
        self.lang = lang
        self._known = False
        config = Stage(root).config(lang)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "scripts.preview.mkdocs_pages", str(config), str(folder)],
            cwd=root,
            env=mkdocs.environment(root),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End the process."""
        self._process.stdin.close()  # type: ignore[union-attr]
        self._process.wait(10)
        self._process.stdout.close()  # type: ignore[union-attr]

    def forget(self) -> None:
        """Configuration, navigation or theme changed: read them anew before the next page."""
        self._known = False

    def render(self, name: str) -> None:
        """Render one page of the stage.

        Raises:
            BuildError: when the generator refuses it.
        """
        question = json.dumps({"page": name, "anew": not self._known or name.startswith("reference/")})
        self._process.stdin.write(question + "\n")  # type: ignore[union-attr]
        self._process.stdin.flush()  # type: ignore[union-attr]
        answer = json.loads(self._process.stdout.readline() or '{"error": "the site generator ended"}')  # type: ignore[union-attr]
        self._known = "error" not in answer
        if "error" in answer:
            place = Path(answer.get("file") or self.root / "docs" / self.lang / name)
            shown = place.relative_to(self.root).as_posix() if place.is_relative_to(self.root) else place.as_posix()
            stop_on([Problem(shown, answer.get("line") or 1, answer["error"], "The page is shown as it was before.")])
