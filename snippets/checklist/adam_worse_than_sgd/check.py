"""Why Adam ends behind SGD: call these at the end of the run with Adam."""

import copy

import torch


def updates_against_weights(model, optimizer):
    """Compare Adam's learning rate with the size at which weights start."""
    worst, name = 0.0, ""
    for group in optimizer.param_groups:
        if (
            "betas" not in group or "d" in group
        ):  # Prodigy finds the size of its updates
            continue
        lr = max(group.get("initial_lr", group["lr"]), group.get("max_lr", 0.0))
        chosen = {id(p) for p in group["params"]}
        for key, module in model.named_modules():
            weight = getattr(module, "weight", None)
            if not isinstance(module, torch.nn.Linear | torch.nn.Conv2d):
                continue
            if id(weight) in chosen:
                size = weight[0].numel() ** -0.5
                ratio = lr / size
                if ratio > worst:
                    worst, name = ratio, key
    if worst > 0.5:
        return (
            f"one update of Adam moves each weight of layer {name} by up to {worst:.0%} "
            "of the size 1/sqrt(fan-in) at which it starts"
        )


def copied(model, optimizer=None):
    """Copy both; results of a forward pass that the model keeps, which deepcopy refuses, are copied as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(
        (model, optimizer), {id(v): v.detach().clone() for v in results}
    )


def cool_down(model, optimizer, loss_fn, inputs, x_train, y_train, x_test, y_test):
    """Train two copies for 100 more updates: does the learning rate that falls to zero make the difference?"""

    def test_loss(updates, end):
        twin, twin_optimizer = copied(model, optimizer)
        rates = [group["lr"] for group in twin_optimizer.param_groups]
        with torch.random.fork_rng():
            torch.manual_seed(0)
            for step in range(updates):
                for group, lr in zip(twin_optimizer.param_groups, rates, strict=True):
                    group["lr"] = lr * (1 - (1 - end) * step / updates)
                batch = torch.randint(len(x_train), (len(inputs),))
                twin_optimizer.zero_grad()
                loss_fn(twin(x_train[batch]), y_train[batch]).backward()
                twin_optimizer.step()
        twin.eval()
        with torch.no_grad():
            return loss_fn(twin(x_test), y_test).item()

    before, same, after = test_loss(0, 1.0), test_loss(100, 1.0), test_loss(100, 0.0)
    if after < 0.8 * min(before, same):
        return (
            f"100 updates with a learning rate that falls to 0 lower the test loss from "
            f"{before:.3f} to {after:.3f}, with the same learning rate to {same:.3f}"
        )


def decay_of_both(sgd, optimizer):
    """Compare how much each of them shrinks a weight at one update, in the group with the most decay."""
    group = max(sgd.param_groups, key=lambda group: group["weight_decay"])
    lr = group.get("initial_lr", group["lr"]) / (1 - group["momentum"])
    theirs = lr * group["weight_decay"]
    group = max(optimizer.param_groups, key=lambda group: group["weight_decay"])
    if not group.get("decoupled_weight_decay", False):
        return None  # then it is an L2 term inside Adam, if anything
    ours = group.get("initial_lr", group["lr"]) * group["weight_decay"]
    if theirs > 100 * ours:
        return (
            f"weight decay takes {theirs:.3%} of a weight at each update of SGD and "
            f"{ours:.3%} at each update of AdamW"
        )


def l2_divided_by_small_gradients(optimizer):
    """Ask how much of a weight the L2 term inside Adam takes at one update."""
    taken = []
    for group in optimizer.param_groups:
        if "betas" not in group or group.get("decoupled_weight_decay", False):
            continue
        lr = group.get("initial_lr", group["lr"])
        for p in group["params"]:
            state = optimizer.state.get(p, {})
            if group["weight_decay"] > 0 and p.dim() > 1 and "exp_avg_sq" in state:
                unbias = 1 - group["betas"][1] ** float(state["step"])
                size = (state["exp_avg_sq"] / unbias).sqrt() + group["eps"]
                taken.append((lr * group["weight_decay"] / size).flatten())
    median = torch.cat(taken).median().item() if taken else 0.0
    if median > 0.01:
        return (
            f"the L2 term inside Adam takes {median:.1%} of a weight at each update, for "
            "half of the weights even more: a hundred such updates leave about a third of it"
        )
