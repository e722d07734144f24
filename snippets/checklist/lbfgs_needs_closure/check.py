"""What L-BFGS is given: ask after a step, or after the error. Closures are called twice; gradients are put back."""

from itertools import pairwise

import torch


def call_twice(closure, model):
    """Call the closure twice at the same weights: both results and both gradients; what was there is put back."""
    parameters = [one for one in model.parameters() if one.requires_grad]
    before = [None if one.grad is None else one.grad.clone() for one in parameters]
    buffers = [(one, one.clone()) for one in model.buffers()]
    results, norms = [], []
    for one in parameters:
        one.grad = None
    try:
        with torch.random.fork_rng():
            for _ in range(2):
                result = closure()
                results.append(
                    None if result is None else torch.as_tensor(result).item()
                )
                gradients = [one.grad for one in parameters if one.grad is not None]
                norms.append(sum(float(one.square().sum()) for one in gradients) ** 0.5)
    finally:
        for one, gradient in zip(parameters, before, strict=True):
            one.grad = gradient
        for one, value in buffers:
            one.copy_(value)
    return results, norms


def same(results):
    """Ask whether two calls gave one loss, up to what the order of additions changes."""
    return None not in results and abs(results[0] - results[1]) <= 1e-4 * abs(
        results[0]
    )


def steps_that_never_ran(optimizer):
    """Ask whether L-BFGS has begun a single step."""
    if isinstance(optimizer, torch.optim.LBFGS) and not optimizer.state:
        return "L-BFGS has not begun a step: step() was never called with a closure"


def closure_without_result(closure, model):
    """Ask whether the closure returns the loss."""
    results, _ = call_twice(closure, model)
    if results[0] is None:
        return "the closure returns None instead of the loss"


def gradients_that_add_up(closure, model):
    """Ask whether a second call at the same weights gives the same loss and a gradient of twice the norm."""
    results, norms = call_twice(closure, model)
    if same(results) and abs(norms[1] - 2 * norms[0]) < 1e-2 * norms[0]:
        return f"called twice at the same weights, the gradient has norm {norms[0]:.3g}, then {norms[1]:.3g}: it adds up"


def loss_that_changes_by_itself(closure, model):
    """Ask whether a second call at the same weights gives another loss."""
    results, _ = call_twice(closure, model)
    if None not in results and not same(results):
        first, second = results
        return f"called twice at the same weights, the closure gives {first:.4g}, then {second:.4g}: batch or dropout"


def steps_without_a_search(optimizer, losses):
    """Ask whether L-BFGS has no line search and the loss has grown by a thousandth of its first value, or is lost."""
    noise = 1e-3 * abs(losses[0])
    rising = sum(not later <= earlier + noise for earlier, later in pairwise(losses))
    searches = optimizer.param_groups[0].get("line_search_fn")
    if isinstance(optimizer, torch.optim.LBFGS) and searches is None and rising:
        return (
            f"no line search, and the loss rose in {rising} of {len(losses) - 1} steps"
        )
