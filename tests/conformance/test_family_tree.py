"""The family tree of the optimizers' index page against the catalogue.

Not beside the page's claims: their results are kept until a snippet changes, and this depends on pages.
"""

from scripts.sources.catalog import load
from snippets.optimizers.index.evidence_family_tree import TREE

ENTRIES = {entry.id: entry for entry in load().in_section("optimizers")}


def test_every_node_is_an_entry():
    """Each name of the tree has a page in the section, and no concept page is among them."""
    assert set(TREE) <= {name for name, entry in ENTRIES.items() if "\n## How it works" in entry.en.body}


def test_years_are_those_of_the_pages():
    assert {name: row[1] for name, row in TREE.items()} == {name: ENTRIES[name].en.meta.get("year") for name in TREE}
