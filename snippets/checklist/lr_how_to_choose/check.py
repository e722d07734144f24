"""What the learning rate does: call these with a batch, in the first hundred updates."""

import copy

import torch


def copied(model, optimizer=None):
    """Copy both; results of a forward pass that the model keeps, which deepcopy refuses, are copied as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(
        (model, optimizer), {id(v): v.detach().clone() for v in results}
    )


def updates_too_small(model, optimizer, loss_fn, inputs, targets):
    """Compare one update with the size of the weights; costs one step on a copy."""
    with torch.random.fork_rng():
        twin, twin_optimizer = copied(model, optimizer)
        twin_optimizer.zero_grad()
        loss_fn(twin(inputs), targets).backward()
        twin_optimizer.step()
    ratios = []
    for before, after in zip(model.parameters(), twin.parameters(), strict=True):
        if before.dim() > 1 and before.requires_grad:
            way = (after - before).detach().norm() / before.detach().norm()
            ratios.append(way.item())
    if ratios and max(ratios) < 1e-4:
        return (
            f"one update changes the weights by at most {max(ratios):.1e} of their size; "
            "1e-3 is a rule of thumb"
        )


def steps_that_overshoot(model, optimizer, loss_fn, inputs, targets):
    """Take ten updates on one batch, at the learning rate and at a tenth, on copies."""
    after = {}
    for factor in (1.0, 0.1):
        with torch.random.fork_rng():
            twin, twin_optimizer = copied(model, optimizer)
            for group in twin_optimizer.param_groups:
                group["lr"] = group["lr"] * factor
            losses = []
            for _ in range(11):
                loss = loss_fn(twin(inputs), targets)
                losses.append(loss.item())
                twin_optimizer.zero_grad()
                loss.backward()
                twin_optimizer.step()
        after[factor] = max(losses[1:]) if factor == 1 else losses[-1]
    if after[1.0] > 1.1 * losses[0] and after[0.1] < losses[0]:
        return (
            f"ten updates on one batch raise its loss from {losses[0]:.2f} to "
            f"{after[1.0]:.2f}; at a tenth of the learning rate it falls to {after[0.1]:.2f}"
        )


def loss_that_grows_with_the_batch(model, loss_fn, inputs, targets):
    """Compute the loss of a batch and of the same batch twice."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            once = loss_fn(model(inputs), targets).item()
            both = model(torch.cat([inputs, inputs]))
            twice = loss_fn(both, torch.cat([targets, targets])).item()
    finally:
        for module, mode in modes:
            module.training = mode
    if twice > 1.5 * once > 0:
        return (
            f"the batch twice has {twice / once:.2f} times the loss: it is a sum, so the "
            f"gradient is {len(inputs)} times that of the mean"
        )


def inputs_far_from_one(inputs):
    """Look at the size of the inputs, by which the first layer's gradient is multiplied; token ids do not count."""
    if not inputs.is_floating_point():
        return None
    size = inputs.float().square().mean().sqrt().item()
    if not 0.1 < size < 10:
        return (
            f"the inputs have a root mean square of {size:.3g}; the first layer's gradient "
            "is multiplied by it, and the usual learning rates are for 1"
        )
