"""What low precision takes away: call these right after a step, with the objects of the loop."""

import copy

import torch


def clipped_while_scaled(model, scaler):
    """Look at the gradients that the last step used; a clipped norm is of the order of 1, not of 1 / scale."""
    grads = [p.grad.float() for p in model.parameters() if p.grad is not None]
    norm = sum(g.norm().item() ** 2 for g in grads) ** 0.5
    scaled = norm * scaler.get_scale()
    if norm < 1e-2 and 0.1 < scaled < 20:
        return f"the step used a gradient of norm {norm:.1e}, which is {scaled:.1f} / scale: clipped while scaled"


def gradients_lost_to_zero(model, loss_fn, inputs, targets):
    """Compare zeros in the gradients with those of float32; costs one forward and backward pass of a copy."""
    own = copy.deepcopy(model).float()
    own.zero_grad()
    with torch.random.fork_rng(), torch.enable_grad():
        loss_fn(own(inputs.float()), targets).backward()
    lost = total = 0
    for p, q in zip(model.parameters(), own.parameters(), strict=True):
        if p.grad is not None and q.grad is not None:
            lost += ((p.grad == 0) & (q.grad != 0)).sum().item()
            total += (q.grad != 0).sum().item()
    if lost > 0.2 * total:
        return f"{lost / total:.0%} of the gradients that float32 has are zero"


def epsilon_that_is_zero(optimizer):
    """Ask whether the optimizer's eps can be represented in the type of the weights."""
    for group in optimizer.param_groups:
        for p in group["params"]:
            if "eps" in group and torch.tensor(group["eps"], dtype=p.dtype) == 0:
                return f"weights are {p.dtype}, in which eps = {group['eps']:g} is 0: zero is divided by zero"


def updates_that_round_away(model, optimizer):
    """Take the step once more with copies: how many weights with a gradient stay what they are?"""
    own, own_optimizer = copy.deepcopy((model, optimizer))
    for p, q in zip(model.parameters(), own.parameters(), strict=True):
        q.grad = None if p.grad is None else p.grad.clone()
    own_optimizer.step()
    stuck = total = 0
    for p, q in zip(model.parameters(), own.parameters(), strict=True):
        if p.grad is not None and torch.isfinite(p.grad).all():
            stuck += ((p == q) & (p.grad != 0)).sum().item()
            total += (p.grad != 0).sum().item()
    if stuck > 0.2 * total:
        return f"{stuck / total:.0%} of the weights with a gradient do not change in a step"


def numbers_outside_half(model, largest=65504):
    """Look for constants in the code of the model's modules that float16 cannot hold."""
    for name, module in model.named_modules():
        code = getattr(type(module).forward, "__code__", None)
        constants = (
            code.co_consts
            if code and not type(module).__module__.startswith("torch.")
            else ()
        )
        for number in constants:
            if isinstance(number, int | float) and largest < abs(number) < float("inf"):
                return f"forward of '{name or 'the model'}' uses {number:g}, and float16 ends at {largest}"
