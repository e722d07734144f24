"""Measures what the guide promises: ``python -m scripts.bench [NAME] [OPTION ...]``; each module measures one thing."""
