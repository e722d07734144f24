"""Wrong choices of an optimizer, found in the optimizer that you have."""

import copy

import torch


def steps_of_adam_against_weights(model, optimizer):
    """Compare the learning rate with the size at which weights start; Adam's updates are about as large as it."""
    worst, name = 0.0, ""
    for group in optimizer.param_groups:
        if "betas" not in group:
            continue
        chosen = {id(p) for p in group["params"]}
        for key, module in model.named_modules():
            weight = getattr(module, "weight", None)
            if isinstance(module, torch.nn.Linear | torch.nn.Conv2d):
                ratio = group.get("initial_lr", group["lr"]) * weight[0].numel() ** 0.5
                if id(weight) in chosen and ratio > worst:
                    worst, name = ratio, key
    if worst > 0.5:
        return (
            f"one update moves each weight of layer {name} by up to {worst:.0%} of the "
            "size 1/sqrt(fan-in) at which it starts; a few percent are usual"
        )


def copied(model):
    """Copy a model; results of a forward pass that it keeps, which deepcopy refuses, are copied as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(model, {id(v): v.detach().clone() for v in results})


def steps_of_sgd_against_weights(model, loss_fn, optimizer, inputs, targets, losses):
    """Compare an update of SGD with the weights; costs a forward and a backward pass on a copy."""
    if not isinstance(optimizer, torch.optim.SGD) or losses[-1] < 0.5 * losses[0]:
        return None  # another optimizer, or it trains
    group = optimizer.param_groups[0]
    twin = copied(model).eval()
    weights = [p for p in twin.parameters() if p.requires_grad]
    with torch.enable_grad():
        loss = loss_fn(twin(inputs), targets)
        gradients = torch.autograd.grad(loss, weights, allow_unused=True)
    way = group["lr"] / (1 - group["momentum"])  # momentum adds up the updates
    ratios = [
        (way * g.norm() / w.norm()).item()
        for g, w in zip(gradients, weights, strict=True)
        if g is not None and w.dim() > 1 and w.norm() > 0
    ]
    if ratios and max(ratios) < 3e-4:
        return (
            f"an update, momentum counted, moves no layer by more than {max(ratios):.1e} of its "
            "weights; 1e-3 is a rule of thumb: SGD's learning rate is too low"
        )


def rows_rarely_updated(model, optimizer, x_train):
    """Count how often each row of an embedding is used, if plain SGD trains it; x_train holds its indices."""
    if not isinstance(optimizer, torch.optim.SGD) or x_train.is_floating_point():
        return None
    tables = (torch.nn.Embedding, torch.nn.EmbeddingBag)
    if any(isinstance(module, tables) for module in model.modules()):
        counts = torch.bincount(x_train.flatten())
        counts = counts[counts > 0]
        ratio = counts.max().item() / counts.median().item()
        if ratio > 100:
            return (
                f"the most frequent row is used {ratio:.0f} times as often as the median row, "
                "which plain SGD therefore updates that much less"
            )


def gradient_of_the_batch_alone(
    model, loss_fn, optimizer, inputs, targets, x_train, y_train
):
    """Compare the gradient that L-BFGS sees with that of all data; costs a pass over the data."""
    if not isinstance(optimizer, torch.optim.LBFGS):
        return None
    twin = copied(model).eval()
    weights = [p for p in twin.parameters() if p.requires_grad]
    with torch.enable_grad():
        batch, whole = (
            torch.autograd.grad(loss_fn(twin(x), y), weights)
            for x, y in ((inputs, targets), (x_train, y_train))
        )
    batch, whole = (torch.cat([g.flatten() for g in one]) for one in (batch, whole))
    error = ((batch - whole).norm() / whole.norm()).item()
    if error > 0.1:
        return (
            f"the gradient of this batch of {len(inputs)} differs from that of all "
            f"{len(x_train)} samples by {error:.0%}: L-BFGS takes the difference for curvature"
        )
