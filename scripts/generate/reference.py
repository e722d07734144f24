"""Pages of the API reference, for mkdocstrings to fill from docstrings."""

from __future__ import annotations

from scripts.generate import front_matter, html
from scripts.generate.phrases import word
from scripts.sources.catalog import Catalog

OPTIONS = """    options:
      show_root_heading: true
      show_root_full_path: false
      show_root_toc_entry: true
      heading_level: 3
      show_source: false
      show_if_no_docstring: false
      members_order: source
"""

ROLES = ("use", "from_scratch")  # what is meant to be called; experiments, checks and broken programs are not


def sections(catalog: Catalog) -> list[str]:
    """The sections that have anything to call."""
    used = {entry.section for entry in catalog.techniques for snippet in entry.snippets if snippet.role in ROLES}
    return [section.id for section in catalog.sections if section.id in used]


def page(catalog: Catalog, section: str, lang: str) -> str:
    """Markdown of the reference page of one section: each entry, each of its snippets but the experiments."""
    index = catalog.index_of(section)
    title = index.title(lang) if index else section
    title = f"{word('reference', lang)}: {title}"
    parts = [front_matter.text({"title": html.attr(title)}), f"# {html.heading(title)}", ""]
    for entry in catalog.in_section(section):
        modules = [snippet for snippet in entry.snippets if snippet.role in ROLES]
        if not modules:
            continue
        parts += [f"## {html.heading(entry.title(lang))} {{#{entry.id}}}", ""]
        parts += [html.entry_link(entry, "reference", lang), ""]
        for snippet in modules:
            parts += [f"::: {snippet.path.removesuffix('.py').replace('/', '.')}", OPTIONS]
    return "\n".join(parts)


def build_page(catalog: Catalog, lang: str) -> str:
    """Markdown of the reference page of the build's own modules."""
    title = f"{word('reference', lang)}: scripts"
    modules = sorted(
        path.relative_to(catalog.root).with_suffix("").as_posix().replace("/", ".")
        for path in (catalog.root / "scripts").rglob("*.py")
        if not path.name.startswith("_")
    )
    parts = [front_matter.text({"title": title}), f"# {title}", ""]
    for module in modules:
        parts += [f"::: {module}", OPTIONS.replace("level: 3", "level: 2")]
    return "\n".join(parts)
