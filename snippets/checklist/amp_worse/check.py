"""What low precision takes away: call these right after a step, with the objects of the loop."""

import copy

import torch


def clipped_while_scaled(model, scaler):
    """Look at the gradients that the last step used: is their norm times the scale a round number, as thresholds are?"""
    grads = [p.grad.float() for p in model.parameters() if p.grad is not None]
    norm = sum(g.norm().item() ** 2 for g in grads) ** 0.5
    scaled = norm * scaler.get_scale()
    usual = (0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0)
    if norm < 1e-2 and any(abs(scaled / limit - 1) < 1e-3 for limit in usual):
        return f"the step used a gradient of norm {norm:.1e}, which is {scaled:.1f} / scale: clipped while scaled"


def copied(model, optimizer=None):
    """Copy both; results of a forward pass that the model keeps, which deepcopy refuses, are copied as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(
        (model, optimizer), {id(v): v.detach().clone() for v in results}
    )


def gradients_lost_to_zero(model, loss_fn, inputs, targets):
    """Compare zeros in the gradients with those of float32; costs one forward and backward pass of a copy."""
    own = copied(model)[0].float()
    own.zero_grad()
    with torch.random.fork_rng(), torch.enable_grad():
        x = inputs.float() if inputs.is_floating_point() else inputs
        loss_fn(own(x), targets).backward()
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
            if (
                isinstance(group.get("eps"), float)
                and torch.tensor(group["eps"], dtype=p.dtype) == 0
            ):
                return f"weights are {p.dtype}, in which eps = {group['eps']:g} is 0: zero is divided by zero"


def updates_that_round_away(model, optimizer):
    """Take the step once more with copies: how many 16-bit weights with a gradient stay what they are?"""
    moved = {id(p) for g in optimizer.param_groups if g["lr"] > 0 for p in g["params"]}
    own, own_optimizer = copied(model, optimizer)
    for p, q in zip(model.parameters(), own.parameters(), strict=True):
        q.grad = None if p.grad is None else p.grad.clone()
    own_optimizer.step()
    stuck = total = 0
    for p, q in zip(model.parameters(), own.parameters(), strict=True):
        if p.grad is None or id(p) not in moved or p.element_size() > 2:
            continue
        if torch.isfinite(p.grad).all():
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
        if constants:
            constants += tuple(v for v in vars(module).values() if type(v) is float)
        for number in constants:
            if isinstance(number, int | float) and largest < abs(number) < float("inf"):
                return f"forward of '{name or 'the model'}' uses {number:g}, and float16 ends at {largest}"


class Counting(torch.overrides.TorchFunctionMode):
    """Note 16-bit tensors that count 0, 1, 2, …, from any number on, and repeat numbers by rounding."""

    found = None

    def __torch_function__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if torch.is_tensor(out) and out.dtype in (torch.bfloat16, torch.float16):
            numbers = out.detach().flatten().double()
            if len(numbers) > 8 and len(numbers) == max(out.shape):
                steps, length = numbers.diff(), numbers[-1] - numbers[0]
                counts = (steps >= 0).all() and (numbers == numbers.round()).all()
                # rounding moves both ends by up to half of a step
                if counts and abs(length - len(steps)) <= steps.max() > 1:
                    self.found = len(numbers), len(numbers.unique()), out.dtype
        return out


def positions_that_coincide(model, inputs):
    """Watch a forward pass: does it count positions in 16 bits, where neighbours become equal?"""
    weights = [p for p in model.parameters() if p.is_floating_point()]
    if weights and inputs.is_floating_point():
        inputs = inputs.to(weights[0].dtype)
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(), Counting() as watched:
            model(inputs)
    finally:
        for module, mode in modes.items():
            module.training = mode
    if watched.found:
        n, different, dtype = watched.found
        return f"{n} positions are counted in {dtype}, where only {different} of them differ"
