"""Runs every snippet as its reader would, one fresh process each, and says which of them hold.

There are two doors: ``python -m scripts.verify``, and :class:`Session` for the rest of the build. The way through the
package::

    cli ── session ── discover, shard, cache ──> engine ══ socket ══> zygote (imports torch once)
              │                                                         └─ fork ─> supervisor, one a slot
              └──<── files, display <── artifacts <── verdicts <────────────────── └─ clone ─> worker: the snippet

Everything left of the double line runs in the controlling process and never imports torch. The zygote never runs a
snippet; a supervisor never runs a snippet; a worker runs one snippet and dies. docs/dev/verifier.md says more.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scripts.verify.session import Options, Session, VerifierProblem, join, keep

__all__ = ["Options", "Session", "VerifierProblem", "join", "keep"]


def __getattr__(name: str) -> Any:
    """The door opens when it is used: a zygote, which lies in this package too, needs nothing of it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from scripts.verify import session

    return getattr(session, name)
