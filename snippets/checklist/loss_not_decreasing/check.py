"""Why a loss does not fall: call these right after optimizer.step(), with the batch and the loss of that step."""

import copy

import torch


def parameters_the_optimizer_lacks(model, optimizer):
    """Compare what should be trained with what the optimizer was given."""
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    lacking = [
        name
        for name, p in model.named_parameters()
        if p.requires_grad and id(p) not in held
    ]
    if lacking:
        trainable = sum(p.requires_grad for p in model.parameters())
        return f"{len(lacking)} of {trainable} trainable tensors are not in the optimizer: {', '.join(lacking[:4])}"


def reached_by(loss):
    """The tensors to which backward() of this loss would bring a gradient."""
    reached, waiting, seen = set(), [loss.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            reached.add(id(getattr(node, "variable", None)))
            waiting += [before for before, _ in node.next_functions]
    return reached


def gradients_gone_at_the_step(model, loss):
    """Look right after optimizer.step() whether the gradients it should have used are there."""
    reached = reached_by(loss)
    trained = [p for p in model.parameters() if p.requires_grad and id(p) in reached]
    if trained and all(p.grad is None or not p.grad.any() for p in trained):
        return f"the loss depends on {len(trained)} tensors, and none of them has a gradient when step() is called"


def parameters_the_loss_does_not_reach(model, loss):
    """Follow the graph back from the loss and see which parameters it meets."""
    trainable = [p for p in model.parameters() if p.requires_grad]
    missed = sum(id(p) not in reached_by(loss) for p in trainable)
    if missed:
        start = (
            "has no grad_fn"
            if loss.grad_fn is None
            else f"starts at {loss.grad_fn.name()}"
        )
        return f"{missed} of {len(trainable)} trainable tensors get no gradient; the graph of the loss {start}"


def copied(model, optimizer=None):
    """Copy both; results of a forward pass that the model keeps, which deepcopy refuses, are copied as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(
        (model, optimizer), {id(v): v.detach().clone() for v in results}
    )


def tried(model, optimizer, loss_fn, inputs, targets, factor=1.0, steps=1):
    """Train copies on this one batch, without old momentum; return losses before each step and after, and the copy."""
    model, optimizer = copied(model, optimizer)
    optimizer.state.clear()
    for group in optimizer.param_groups:
        group["lr"] *= factor
    losses = []
    with torch.random.fork_rng(), torch.enable_grad():
        for _ in range(steps):
            optimizer.zero_grad()
            loss = loss_fn(model(inputs), targets)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        losses.append(loss_fn(model(inputs), targets).item())
    return losses, model


def updates_too_small(model, optimizer, loss_fn, inputs, targets):
    """Measure how far one step moves the weights, relative to their size; costs one step on a copy."""
    _, after = tried(model, optimizer, loss_fn, inputs, targets)
    pairs = [
        (p, q)
        for p, q in zip(model.parameters(), after.parameters(), strict=True)
        if p.dim() > 1 and p.any()
    ]
    largest = max(((q - p).norm() / p.norm()).item() for p, q in pairs)
    rates = ", ".join(f"{float(group['lr']):.3g}" for group in optimizer.param_groups)
    if 0 < largest < 1e-4:
        return f"one step changes no weight matrix by more than {largest:.1e} of its size (learning rate {rates})"


def steps_too_long(model, optimizer, loss_fn, inputs, targets):
    """Take five steps on one batch at this learning rate and at a hundredth of it; costs ten steps on copies."""
    now, _ = tried(model, optimizer, loss_fn, inputs, targets, steps=5)
    less, _ = tried(model, optimizer, loss_fn, inputs, targets, factor=0.01, steps=5)
    if not max(now[1:]) < 1.1 * now[0] and less[-1] < less[0]:
        return f"five steps take one batch from {now[0]:.3g} up to {max(now):.3g}; at lr / 100, down to {less[-1]:.3g}"
