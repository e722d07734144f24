"""Why weight decay does nothing: call these after some hundred updates."""

import torch


def matrices_without_decay(optimizer, model=None):
    """Count the numbers in trained weight matrices, embeddings of the model left out, whose group has no decay."""
    groups = optimizer.param_groups
    asked = max(g.get("weight_decay", 0.0) for g in [optimizer.defaults, *groups])
    modules = model.modules() if model is not None else []
    tables = {id(m.weight) for m in modules if isinstance(m, torch.nn.Embedding)}
    counts = [
        (p.numel(), g.get("weight_decay", 0.0))
        for g in groups
        for p in g["params"]
        if p.dim() > 1 and p.requires_grad and id(p) not in tables
    ]
    total = sum(count for count, _ in counts)
    free = sum(count for count, decay in counts if decay == 0)
    if asked > 0 and free > 0.5 * total:
        return (
            f"{free} of {total} numbers in weight matrices have weight_decay 0, though "
            f"{asked} was asked for"
        )


def decay_over_the_run(optimizer, losses):
    """Add up what weight decay takes from a weight in as many updates as losses.

    For SGD, AdamW and others whose decay is separate. A schedule makes it less.
    """
    taken = []
    for group in optimizer.param_groups:
        if "betas" in group and not group.get("decoupled_weight_decay", False):
            continue  # then it is an L2 term inside Adam
        lr = group.get("initial_lr", group["lr"]) / (1 - group.get("momentum", 0.0))
        if group.get("weight_decay", 0.0) > 0:
            taken.append(lr * group["weight_decay"] * len(losses))
    if taken and max(taken) < 0.05:
        return (
            f"learning rate x weight_decay x {len(losses)} updates = {max(taken):.2g}: "
            f"the decay takes {max(taken):.1%} of a weight in the whole run"
        )


def l2_term_that_adam_divides(optimizer):
    """Ask what the L2 term, divided by the gradient's size, took from a weight in all updates so far."""
    shares, updates = [], 0
    for group in optimizer.param_groups:
        if "betas" not in group or group.get("decoupled_weight_decay", False):
            continue
        for p in group["params"]:
            state = optimizer.state.get(p, {})
            if group["weight_decay"] > 0 and p.dim() > 1 and "exp_avg_sq" in state:
                unbias = 1 - group["betas"][1] ** float(state["step"])
                size = (state["exp_avg_sq"] / unbias).sqrt()
                updates = max(updates, int(state["step"]))
                lr = group.get("initial_lr", group["lr"])
                share = lr * group["weight_decay"] / size * float(state["step"])
                shares.append(share[size > group["eps"]])
    share = torch.cat(shares).median().item() if shares else 1.0
    if share < 0.1:
        return (
            f"this Adam adds weight_decay to the gradient and divides by the gradient's "
            f"size: that took less than {share:.1%} from half of the weights in {updates} updates"
        )


def penalty_outside_the_graph(penalty=None):
    """Ask whether an L2 penalty of your own has a gradient."""
    if penalty is None or getattr(penalty, "requires_grad", False):
        return None
    if float(penalty) != 0:  # a penalty of 0 is switched off
        return f"the penalty is {float(penalty):.3g} and has no gradient: it only adds to the log"
