"""What is worth importing once, before the forks: the same verdicts, sooner."""

from __future__ import annotations

from collections.abc import Iterable

from scripts.verify.discover import Snippet

# Importing a module runs it, so these and no others; what else a snippet imports it imports itself.
KNOWN = {
    *("torch", "torch.func", "torch.nn.functional", "torch.nn.utils.parametrizations", "torch.optim.lr_scheduler"),
    *("torch.optim.swa_utils", "torch.profiler", "torch.utils.checkpoint", "torch.utils.data"),
    *("torch.utils.flop_counter", "numpy", "matplotlib", "matplotlib.pyplot", "matplotlib.ticker", "sklearn"),
    *("sklearn.datasets", "sklearn.decomposition", "sklearn.linear_model", "sklearn.manifold", "sklearn.metrics"),
    *("sklearn.model_selection", "sklearn.preprocessing"),
}
# On first use of these torch imports torch._dynamo, or much of what that imports: 1.2 s in every child otherwise.
DYNAMO_FOR = b"optim compile func. checkpoint profiler deterministic_algorithms meta gradcheck assert_close".split()


def preload(snippets: Iterable[Snippet]) -> list[str]:
    """Modules that these snippets import and that are worth importing once, before the forks."""
    wanted = {"torch"}
    for snippet in snippets:
        wanted |= KNOWN.intersection(snippet.imports)
        if any(word in snippet.content for word in DYNAMO_FOR):
            wanted.add("torch._dynamo")
        if b"torch.compile" in snippet.content:
            wanted.add("torch._inductor.compile_fx")  # likewise, and it warns of torch's own deprecations on import
    return sorted(wanted)
