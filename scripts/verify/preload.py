"""What is worth importing once, before the forks: the same verdicts, sooner."""

from __future__ import annotations

from collections.abc import Iterable

from scripts.verify.discover import Snippet

HEAVY = ("torch", "numpy", "matplotlib", "sklearn")
# On first use of these torch imports torch._dynamo, or much of what that imports: 1.2 s in every child otherwise.
DYNAMO_FOR = b"optim compile func. checkpoint profiler deterministic_algorithms meta gradcheck assert_close".split()


def preload(snippets: Iterable[Snippet]) -> list[str]:
    """Modules that these snippets import and that are worth importing once, before the forks."""
    wanted = {"torch"}
    for snippet in snippets:
        names = {name for name in snippet.imports if name.split(".")[0] in HEAVY}
        wanted |= names
        if any(word in snippet.content for word in DYNAMO_FOR):
            wanted.add("torch._dynamo")
        if b"torch.compile" in snippet.content:
            wanted.add("torch._inductor.compile_fx")  # likewise, and it warns of torch's own deprecations on import
    return sorted(wanted)
