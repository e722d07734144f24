"""What keeps old graphs in memory: call these after some steps, with what the loop keeps from step to step."""

import copy
import inspect

import torch


def graph_behind(tensor):
    """Count the operations that a tensor keeps alive for a backward pass."""
    seen, todo = set(), [tensor.grad_fn]
    while todo:
        node = todo.pop()
        if node is not None and node not in seen:
            seen.add(node)
            todo += [parent for parent, _ in node.next_functions]
    return len(seen)


def sum_with_a_graph(total):
    """Look at a number that the loop adds up, or averages, over steps."""
    if isinstance(total, torch.Tensor) and total.requires_grad:
        return f"total is no number but a tensor with {graph_behind(total)} operations behind it"


def list_with_graphs(predictions):
    """Look at a list (or the values of a dict) that the loop fills."""
    items = predictions.values() if isinstance(predictions, dict) else predictions
    kept = [p for p in items if isinstance(p, torch.Tensor) and p.requires_grad]
    if len(kept) > 1:
        size = sum(graph_behind(p) for p in kept)
        return f"{len(kept)} of {len(items)} tensors keep graphs, of {size} operations"


def state_that_reaches_back(model, inputs, hidden):
    """Compare the graph behind a carried state with that of one batch; costs one forward pass of a copy."""
    fresh_model = copy.deepcopy(model).eval()
    with torch.random.fork_rng():
        fresh = fresh_model(inputs, hidden.detach())[1]
    one, now = graph_behind(fresh), graph_behind(hidden)
    if now > 1.5 * one:
        return f"{now} operations behind the state, {one} in one batch: it reaches back {now / one:.0f} batches"


def hooks_that_keep(model):
    """Look into lists that forward hooks write to."""
    for name, module in model.named_modules():
        for hook in module._forward_hooks.values():
            function = getattr(hook, "__func__", hook)
            seen = (
                inspect.getclosurevars(function)
                if inspect.isfunction(function)
                else None
            )
            reach = {**seen.globals, **seen.nonlocals} if seen else {}
            reach.update(
                vars(getattr(hook, "__self__", None))
                if hasattr(hook, "__self__")
                else {}
            )
            for key, value in reach.items():
                if (
                    isinstance(value, list)
                    and len(value) > 10
                    and all(map(torch.is_tensor, value))
                ):
                    return f"a hook on '{name}' keeps {len(value)} tensors in '{key}'"
