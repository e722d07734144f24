"""Why the validation loss is the lower one: find the difference between the two numbers before looking at the data."""

import copy

import torch


def above(loss, other, share):
    """Ask whether a loss is above another one by a share of it; also where losses are negative."""
    return loss - other > share * abs(other)


def copied(model):
    """Copy a model; results of a forward pass that it keeps, which deepcopy refuses, are copied as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(model, {id(v): v.detach().clone() for v in results})


def training_mode_costs(model, loss_fn, x_train, y_train, train_loss):
    """Compute the loss of the training set in both modes, on a copy, and see which of them was reported."""
    net = copied(model)
    if not net.training:
        net.train()
    with torch.no_grad(), torch.random.fork_rng():
        hard = loss_fn(net(x_train), y_train).item()
        easy = loss_fn(net.eval()(x_train), y_train).item()
    if above(hard, easy, 0.2) and above(train_loss, easy, 0.2):
        return f"loss of x_train: {hard:.3f} in training mode, {easy:.3f} in evaluation mode; reported: {train_loss:.3f}"


def average_of_the_past(train_loss, losses, val_losses):
    """Compare the reported training loss with that of the last batches, of half an epoch."""
    recent = losses[-max(1, len(losses) // len(val_losses) // 2) :]
    now = sum(recent) / len(recent)
    if above(train_loss, now, 0.2):
        return f"the reported training loss is {train_loss:.3f}; the last {len(recent)} batches have {now:.3f}"


def two_loss_functions(model, loss_fn, x_val, y_val, val_losses):
    """Compute the loss function of the training on the validation set, and compare with what was reported there."""
    net = copied(model).eval()
    with torch.no_grad():
        same = loss_fn(net(x_val), y_val).item()
    if abs(same - val_losses[-1]) > 0.1 * abs(val_losses[-1]):
        return f"the reported validation loss is {val_losses[-1]:.3f}; by the training's function it is {same:.3f}"


def term_added_to_the_loss(loss_fn, outputs, targets, losses):
    """Compute the loss of the last batch again from its outputs, and compare with what was logged of it."""
    with torch.no_grad():
        plain = loss_fn(outputs, targets).item()
    if above(losses[-1], plain, 0.05):
        return f"the last batch was logged with {losses[-1]:.3f}; its outputs alone have a loss of {plain:.3f}"


def validation_is_easier(x_train, y_train, x_val, y_val, most=2000):
    """Classify both sets by their nearest neighbour in the training set, leaving each training sample itself out.

    Costs two tables of distances. Of photographs, hand in features instead of pixels.
    """
    chance = torch.Generator().manual_seed(0)
    ours = torch.randperm(len(x_train), generator=chance)[:most]
    theirs = torch.randperm(len(x_val), generator=chance)[:most]
    x, y = x_train[ours].flatten(1).float(), y_train[ours]
    within = torch.cdist(x, x).fill_diagonal_(torch.inf).argmin(dim=1)
    across = torch.cdist(x_val[theirs].flatten(1).float(), x).argmin(dim=1)
    errors = [
        (y[near] != own).float().mean().item()
        for near, own in ((within, y), (across, y_val[theirs]))
    ]
    noise = (errors[0] * (1 - errors[0]) * (1 / len(across) + 1 / len(within))) ** 0.5
    if errors[0] - errors[1] > 4 * noise + 0.01:
        return f"a nearest-neighbour classifier errs in {errors[0]:.1%} of x_train, in {errors[1]:.1%} of x_val"
