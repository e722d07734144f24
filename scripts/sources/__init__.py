"""What people write, read and checked: pages, papers, snippets, sections, symptoms. Imports no torch."""
