"""The family tree of the optimizers' index page against the catalogue.

Not beside the page's claims: their results are kept until a snippet changes, and this depends on pages.
"""

from scripts.sources.outline import kind_of
from snippets.optimizers.index.evidence_family_tree import TREE


def test_every_node_is_an_entry(catalog):
    """Each name of the tree has a page in the section, and no concept page is among them."""
    entries = catalog.in_section("optimizers")
    assert set(TREE) <= {entry.id for entry in entries if kind_of(entry) == "technique"}


def test_years_are_those_of_the_pages(catalog):
    assert {name: row[1] for name, row in TREE.items()} == {
        name: catalog.by_id[name].en.meta.get("year") for name in TREE
    }
