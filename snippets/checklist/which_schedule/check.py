"""What the schedule did; lrs and losses are lists with the learning rate and the batch's loss of each update."""

import copy
import math

import torch


def rate_that_never_falls(
    model, loss_fn, optimizer, inputs, x_train, y_train, losses, lrs
):
    """Train a copy for 100 more updates while a constant learning rate falls to zero, and one while it stays."""
    if min(lrs[len(lrs) // 2 :]) < 0.9 * max(lrs):
        return None  # it falls
    args = model, loss_fn, optimizer, len(inputs), x_train, y_train
    cooled, kept = (continued(*args, lrs[-1], falls) for falls in (True, False))
    before, after = sum(losses[-100:]) / len(losses[-100:]), sum(cooled[-50:]) / 50
    if after < 0.7 * min(before, sum(kept[-50:]) / 50):
        return (
            f"the learning rate is {lrs[-1]:.3g} to the end; 100 updates in which it falls to "
            f"zero lower the training loss from {before:.3f} to {after:.3f}"
        )


def copied(model, optimizer=None):
    """Copy both; results of a forward pass that the model keeps, which deepcopy refuses, are copied as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(
        (model, optimizer), {id(v): v.detach().clone() for v in results}
    )


def continued(model, loss_fn, optimizer, size, x_train, y_train, lr, falls):
    """Losses of a copy in 100 more updates, whose learning rate falls to zero or stays."""
    losses = []
    with torch.random.fork_rng(), torch.enable_grad():
        torch.manual_seed(0)
        twin, optimizer = copied(model, optimizer)
        if not twin.training:
            twin.train()
        groups = optimizer.param_groups
        rates = [lr * group["lr"] / (groups[0]["lr"] or 1) for group in groups]
        for step in range(100):
            for group, rate in zip(groups, rates, strict=True):
                group["lr"] = rate * (1 - step / 100 * falls)
            batch = torch.randint(len(x_train), (size,))
            loss = loss_fn(twin(x_train[batch]), y_train[batch])
            losses.append(loss.item())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return losses


def end_of_the_schedule(lrs):
    """Compare the last learning rate with the highest, and guess the length that the schedule has."""
    top = max(lrs)
    start = lrs.index(top)  # the end of warm-up
    rises = any(
        b > 1.001 * a for a, b in zip(lrs[start:-1], lrs[start + 1 :], strict=True)
    )
    share = lrs[-1] / top
    if not rises and 0.12 < share < 0.99:  # some recipes end at a tenth
        part = math.acos(2 * share - 1) / math.pi  # of a cosine
        planned = start + (len(lrs) - start) / part
        return (
            f"the learning rate ends at {share:.0%} of its highest value: a cosine to zero "
            f"would take {planned:.0f} updates, the run has {len(lrs)}"
        )


def end_after_a_restart(lrs):
    """Ask whether the run ends high in a cycle that began late."""
    top = max(lrs)
    after = lrs[lrs.index(top) :]
    valley = len(lrs) - 1 - after[::-1].index(min(after))
    if lrs[-1] > 2 * lrs[valley] + 0.1 * top:
        return (
            f"the learning rate rises again from update {valley + 1} of {len(lrs)} on and ends at "
            f"{lrs[-1] / top:.0%} of its highest value: the last cycle is not finished"
        )


def noise_of_the_metric(
    model, loss_fn, scheduler, val_inputs, val_targets, x_val, y_val
):
    """Compare the error of a validation loss on a part of the data with the loss; costs a forward pass."""
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau
    if not isinstance(scheduler, plateau) or len(val_inputs) == len(x_val):
        return None
    twin = copied(model)[0].eval()
    with torch.no_grad():
        outputs = twin(x_val)
        each = torch.stack(
            [loss_fn(o[None], y[None]) for o, y in zip(outputs, y_val, strict=True)]
        )
    error = (each.std() / len(val_inputs) ** 0.5 / each.mean()).item()
    if error > 0.1:
        return (
            f"a validation loss of {len(val_inputs)} samples has a standard error of {error:.0%}, and "
            f"the scheduler counts improvements of {scheduler.threshold:.2%}, {scheduler.patience + 1} times in a row"
        )


def first_updates_against_weights(model, optimizer, lrs):
    """Compare Adam's first updates, each about as large as the learning rate, with the weights as they start."""
    groups = optimizer.param_groups
    first = [group.get("initial_lr", group["lr"]) for group in groups]
    share = {
        id(p): lr / (first[0] or 1)
        for group, lr in zip(groups, first, strict=True)
        if "betas" in group and not isinstance(optimizer, torch.optim.RAdam)
        for p in group["params"]
        if p.requires_grad
    }
    worst, name = 0.0, ""
    for key, module in model.named_modules():
        if isinstance(module, torch.nn.Linear | torch.nn.Conv2d):
            lr = lrs[0] * share.get(id(module.weight), 0.0)
            ratio = lr * module.weight[0].numel() ** 0.5  # start: near 1/sqrt(fan-in)
            if ratio > worst:
                worst, name = ratio, key
    if worst > 0.1 and lrs[0] > 0.5 * max(lrs):
        return (
            f"the very first updates, at the highest learning rate, move each weight of "
            f"layer {name} by up to {worst:.0%} of the size at which it starts"
        )
