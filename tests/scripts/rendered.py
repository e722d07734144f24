"""Markdown as the site's pages are rendered: by Python-Markdown with the extensions of mkdocs.yml."""

from __future__ import annotations

from functools import cache
from typing import Any

import lxml.html
import yaml
from markdown import Markdown

from scripts.problems import ROOT


@cache
def configuration() -> dict[str, Any]:
    """The extensions of mkdocs.yml and their options."""

    class Loader(yaml.SafeLoader):
        """Passes over the tags of the site generator."""

    Loader.add_multi_constructor("", lambda loader, suffix, node: None)
    config = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader=Loader)
    return {name: options or {} for name, options in config["markdown_extensions"].items()}


@cache
def _renderer() -> Markdown:
    found = dict(configuration())
    if "pymdownx.snippets" in found:
        found["pymdownx.snippets"] = {"base_path": str(ROOT / "build"), "check_paths": False}
    return Markdown(extensions=list(found), extension_configs=found)


def page(text: str) -> lxml.html.HtmlElement:
    """The page that ``text`` becomes."""
    return lxml.html.fromstring(f"<main>{_renderer().reset().convert(text)}</main>")


def words(element: lxml.html.HtmlElement) -> str:
    """What a reader sees of it, its white space as one blank each."""
    return " ".join(element.text_content().split())
