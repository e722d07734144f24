"""MkDocs with one edition in memory: ``python -m scripts.preview.mkdocs_pages CONFIG FOLDER``.

Reads ``{"page": name, "anew": bool}`` a line, renders that page into the folder and answers with a line. This file
alone uses more of MkDocs than its command line, and only the preview uses it: another site generator brings its own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from mkdocs.commands import build
from mkdocs.config import load_config
from mkdocs.structure.files import get_files, set_exclusions
from mkdocs.structure.nav import get_navigation
from mkdocs.structure.pages import Page


class Edition:
    """What a whole build gathers before it renders pages: configuration, files, navigation, templates."""

    def __init__(self, config_file: str, folder: str) -> None:
        config = load_config(config_file=config_file, site_dir=folder, strict=False)
        config.plugins.on_startup(command="serve", dirty=False)
        self.config = config.plugins.on_config(config)
        config.plugins.on_pre_build(config=self.config)
        self.env = config.theme.get_env()
        files = get_files(self.config)
        files.add_files_from_theme(self.env, self.config)
        self.files = config.plugins.on_files(files, config=self.config)
        set_exclusions(self.files, self.config)
        nav = get_navigation(self.files, self.config)
        self.nav = config.plugins.on_nav(nav, config=self.config, files=self.files)
        for file in self.files.documentation_pages():
            if file.page is None:
                Page(None, file, self.config)
        self.files.copy_static_files()
        for template in self.config.theme.static_templates:
            build._build_theme_template(template, self.env, self.files, self.config, self.nav)

    def render(self, name: str) -> None:
        """Render one page."""
        file = self.files.get_file_from_path(name)
        if file is None or file.page is None:
            raise FileNotFoundError(f"{name} is no page of this edition")
        build._populate_page(file.page, self.config, self.files)
        env = self.config.plugins.on_env(self.env, config=self.config, files=self.files)
        build._build_page(file.page, self.config, self.files.documentation_pages(), self.nav, env)
        file.page.content = None  # or the next page's on_env would go through it again


def answer(edition: Edition | None, question: dict[str, Any], config_file: str, folder: str) -> tuple[Edition, str]:
    """The edition, loaded if need be, after rendering the page that is asked for."""
    if edition is None or question["anew"]:
        edition = Edition(config_file, folder)
    edition.render(question["page"])
    return edition, "{}"


def main(config_file: str, folder: str) -> int:
    """Answer until the input ends."""
    edition: Edition | None = None
    output, sys.stdout = sys.stdout, sys.stderr  # what others print must not pass for an answer
    for line in sys.stdin:
        try:
            edition, reply = answer(edition, json.loads(line), config_file, folder)
        except (Exception, SystemExit) as error:
            edition = None
            place = {"file": getattr(error, "filename", None), "line": getattr(error, "lineno", None)}
            reply = json.dumps({"error": f"{type(error).__name__}: {error}", **place})
        print(reply, file=output, flush=True)
    return 0


if __name__ == "__main__":
    Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
    sys.exit(main(*sys.argv[1:3]))
