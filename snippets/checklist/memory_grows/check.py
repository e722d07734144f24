"""What keeps old graphs in memory: call these after some steps, with what the loop keeps from step to step."""

import copy
import functools
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
    if isinstance(total, torch.Tensor) and total.grad_fn is not None:
        return f"total is no number but a tensor with {graph_behind(total)} operations behind it"


def tensors_in(value):
    """List the tensors in a list, tuple or dict, and in those that it holds; weights are left out."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [tensor for item in value for tensor in tensors_in(item)]
    return (
        [value]
        if isinstance(value, torch.Tensor) and not isinstance(value, torch.nn.Parameter)
        else []
    )


def list_with_graphs(predictions):
    """Look at a list (or the values of a dict) that the loop fills."""
    items = tensors_in(predictions)
    kept = [p for p in items if p.grad_fn is not None]
    if len(kept) > 1:
        size = sum(graph_behind(p) for p in kept)
        return f"{len(kept)} of {len(items)} tensors keep graphs, of {size} operations"


def copied(model):
    """Copy a model; results of a forward pass that it keeps, which deepcopy refuses, are copied as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(model, {id(v): v.detach().clone() for v in results})


def state_that_reaches_back(model, inputs, hidden):
    """Compare the graph behind a carried state with that of one batch; costs one forward pass of a copy."""
    parts = hidden if isinstance(hidden, tuple) else (hidden,)
    cut = tuple(part.detach() for part in parts)
    fresh_model = copied(model).eval()
    with torch.random.fork_rng(), torch.enable_grad():
        fresh = fresh_model(inputs, cut if isinstance(hidden, tuple) else cut[0])[1]
    one, now = (
        graph_behind(fresh[0] if isinstance(hidden, tuple) else fresh),
        graph_behind(parts[0]),
    )
    if now > 1.5 * one > 0:
        return f"{now} operations behind the state, {one} in one batch: it reaches back {now / one:.0f} batches"


def hooks_that_keep(model):
    """Look into the lists and dicts that hooks reach, and for hooks that were registered again and again."""
    for name, module in model.named_modules():
        hooks = [*module._forward_hooks.values(), *module._forward_pre_hooks.values()]
        if len(hooks) > 10:
            return f"'{name}' has {len(hooks)} hooks"
        for hook in hooks:
            reach = (
                {"a partial": [*hook.args, hook.keywords]}
                if isinstance(hook, functools.partial)
                else {}
            )
            function = getattr(hook, "func", hook)
            reach.update(vars(function.__self__) if inspect.ismethod(function) else {})
            if inspect.isfunction(function):
                seen = inspect.getclosurevars(function)
                reach.update({**seen.globals, **seen.nonlocals})
            for key, value in reach.items():
                count = len(tensors_in(value))
                if count > 10:
                    return f"a hook on '{name}' keeps {count} tensors in '{key}'"
