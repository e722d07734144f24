"""Runs every snippet as its reader would, one fresh process each, and says which of them hold.

``python -m scripts.verify`` is the only door. The way through the package::

    cli ── discover, shard, cache ──> engine ══ socket ══> zygote (imports torch once)
     │                                                        └─ fork ─> supervisor, one a slot
     └──<── report, display <── artifacts <── verdicts <─────────────────── └─ fork ─> worker: the snippet

Everything left of the double line runs in the controlling process and never imports torch. The zygote never runs a
snippet; a supervisor never runs a snippet; a worker runs one snippet and dies.
"""
