"""Which step of the backward pass makes the first NaN: call these with the batch and the weights before the update."""

import torch


def first_broken_operation(model, loss_fn, inputs, targets):
    """Name the first operation whose gradient is not finite. Costs one forward and one backward pass.

    Returns the operation, how many numbers it broke, and how many of those had got a gradient of exactly 0.
    """
    found, hooks, seen = [], [], set()

    def watch(node):
        def look(made, got):
            if found or not all(torch.isfinite(g).all() for g in got if g is not None):
                return
            for gradient in made:
                if gradient is not None and not torch.isfinite(gradient).all():
                    bad = ~torch.isfinite(gradient)
                    same = got[0] is not None and got[0].shape == bad.shape
                    zeros = int((got[0][bad] == 0).sum()) if same else 0
                    found.append(
                        (
                            node.name().removesuffix("0").removesuffix("Backward"),
                            int(bad.sum()),
                            zeros,
                        )
                    )
                    return

        hooks.append(node.register_hook(look))

    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.enable_grad(), torch.random.fork_rng():
            loss = loss_fn(model(inputs), targets)
            waiting = [loss.grad_fn]
            while waiting:
                node = waiting.pop()
                if node is not None and node not in seen:
                    seen.add(node)
                    watch(node)
                    waiting += [following for following, _ in node.next_functions]
            weights = [weight for weight in model.parameters() if weight.requires_grad]
            torch.autograd.grad(loss, weights, allow_unused=True)
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes:
            module.training = mode
    return found[0] if found else ("", 0, 0)


def root_at_zero(model, loss_fn, inputs, targets):
    """Ask whether a root, a power or a distance at exactly 0 makes the gradient infinite."""
    name, bad, zeros = first_broken_operation(model, loss_fn, inputs, targets)
    if (
        name in ("Sqrt", "Rsqrt", "Pow", "Cdist", "LinalgVectorNorm", "EuclideanDist")
        and zeros < bad
    ):
        return (
            f"{name} breaks {bad} numbers of the gradient: its slope at 0 is infinite"
        )


def branch_that_is_not_taken(model, loss_fn, inputs, targets):
    """Ask whether the gradient breaks where a gradient of 0 arrives, as in values that `where` or a mask throws away."""
    name, bad, zeros = first_broken_operation(model, loss_fn, inputs, targets)
    if bad and zeros == bad:
        return f"{name} breaks {bad} numbers of the gradient, all where a gradient of 0 arrives: not used, or squared after"


def arccosine_at_one(model, loss_fn, inputs, targets):
    """Ask whether an inverse function at the end of its range makes the gradient infinite."""
    name, bad, zeros = first_broken_operation(model, loss_fn, inputs, targets)
    if name in ("Acos", "Asin", "Acosh", "Atanh") and zeros < bad:
        return f"{name} breaks {bad} numbers of the gradient: its slope at -1 or 1 is infinite"


def logarithm_at_zero(model, loss_fn, inputs, targets):
    """Ask whether a logarithm of 0, which the forward pass multiplied by 0, makes the gradient infinite."""
    name, bad, zeros = first_broken_operation(model, loss_fn, inputs, targets)
    if name in ("Log", "Log2", "Log10", "Xlogy", "SpecialEntr") and zeros < bad:
        return f"{name} breaks {bad} numbers of the gradient: the slope of the logarithm at 0 is infinite"


def epsilon_rounded_away(model, loss_fn, inputs, targets):
    """Ask whether the gradient is finite as soon as the loss is computed from outputs in float32."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.enable_grad(), torch.random.fork_rng():
            outputs = model(inputs)
            if outputs.dtype not in (torch.bfloat16, torch.float16):
                return None
            weights = [weight for weight in model.parameters() if weight.requires_grad]
            finite = []
            for one in (outputs, outputs.float()):
                loss = loss_fn(one, targets)
                gradients = torch.autograd.grad(
                    loss, weights, retain_graph=True, allow_unused=True
                )
                found = [g.isfinite().all().item() for g in gradients if g is not None]
                finite.append(all(found))
    finally:
        for module, mode in modes:
            module.training = mode
    if finite == [False, True]:
        below = 1 - torch.finfo(outputs.dtype).eps / 2
        return (
            f"in {outputs.dtype}, where the next number below 1 is {below:.4f}, the gradient "
            "is not finite, and after outputs.float() it is"
        )
