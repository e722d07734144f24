"""Whether outputs are squashed once too often: call these with the model, its loss and one batch."""

import torch
from torch.nn import functional as F


def best_answer(outputs, targets):
    """Give 1 for what is right and 0 for the rest, in the shape of the outputs; classes stand in dimension 1."""
    if targets.shape == outputs.shape:
        return targets.to(outputs.dtype)
    return (
        F.one_hot(targets.long().clamp(min=0), outputs.shape[1])
        .movedim(-1, 1)
        .to(outputs.dtype)
    )


def outputs_and_best_loss(model, loss_fn, inputs, targets):
    """Give the outputs in evaluation mode, and the loss of the best outputs between 0 and 1."""
    modes = [(one, one.training) for one in model.modules()]
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng():
            outputs = model(inputs)
            loss = loss_fn(best_answer(outputs, targets), targets).item()
    finally:
        for one, mode in modes:
            one.training = mode
    return outputs.float(), loss


def stays_inside(model, inputs):
    """Ask whether outputs stay between 0 and 1 when the last parameter is raised by 3, as no raw outputs do."""
    modes = [(one, one.training) for one in model.modules()]
    last = [p for p in model.parameters() if p.is_floating_point()][-1:]
    before = [p.detach().clone() for p in last]
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng():
            for p in last:
                p.data.add_(3.0)
            outputs = model(inputs)
    finally:
        for p, old in zip(last, before, strict=True):
            p.data.copy_(old)
        for one, mode in modes:
            one.training = mode
    return bool(outputs.min() >= 0 and outputs.max() <= 1)


def probabilities_into_cross_entropy(model, loss_fn, inputs, targets):
    """Ask whether rows of outputs sum to 1 and the loss squashes them again."""
    outputs, best = outputs_and_best_loss(model, loss_fn, inputs, targets)
    probabilities = outputs.min() >= 0 and torch.allclose(
        outputs.sum(dim=1), torch.ones(()), atol=1e-2
    )
    if probabilities and outputs.shape[1] > 1 and best > 0.1:
        return f"rows of outputs sum to 1, so they went through a softmax; this loss cannot fall below {best:.3f} then"


def sigmoids_into_cross_entropy(model, loss_fn, inputs, targets):
    """Ask whether outputs of several classes are between 0 and 1, each for itself, and the loss squashes them again."""
    outputs, best = outputs_and_best_loss(model, loss_fn, inputs, targets)
    sums = outputs.sum(dim=1)
    inside = (
        outputs.min() >= 0 and outputs.max() <= 1 and sums.max() - sums.min() > 1e-3
    )
    if (
        inside
        and targets.shape != outputs.shape
        and best > 0.1
        and stays_inside(model, inputs)
    ):
        return f"outputs are between 0 and 1 and do not sum to 1: a sigmoid; this loss cannot fall below {best:.3f} then"


def sigmoids_into_binary_loss(model, loss_fn, inputs, targets):
    """Ask whether outputs for targets of 0 and 1 are between 0 and 1, and the loss squashes them again."""
    outputs, best = outputs_and_best_loss(model, loss_fn, inputs, targets)
    inside = outputs.min() >= 0 and outputs.max() <= 1
    if (
        inside
        and targets.shape == outputs.shape
        and best > 0.1
        and stays_inside(model, inputs)
    ):
        return f"outputs are between 0 and 1, and the loss of the targets themselves is {best:.3f}: it takes logits"


def loss_of_perfect_logits(loss_fn, outputs, targets):
    """Hand the loss outputs that are right and ever surer: it should be about 0, or grow with label smoothing."""
    right = best_answer(outputs.float(), targets)
    try:
        with torch.no_grad():
            loss, surer = (
                loss_fn(size * (2 * right - 1), targets).mean() for size in (30.0, 60.0)
            )
    except RuntimeError:  # a loss of probabilities, which takes no logits
        return None
    if loss > 0.1 and (surer - loss).abs() < 0.01 * loss:
        return f"the loss of perfect outputs (30 for the right class, -30 for others) is {loss:.3f}, not 0"


def normalized_over_the_batch(outputs):
    """Ask whether columns of outputs sum to 1 (or their exponentials), and rows do not."""
    for name, p in (
        ("outputs", outputs.detach().float()),
        ("exp(outputs)", outputs.detach().float().exp()),
    ):
        one = torch.ones(())
        columns, rows = p.sum(dim=0), p.sum(dim=1)
        if (
            len(p) > 1
            and torch.allclose(columns, one, atol=1e-3)
            and not torch.allclose(rows, one, atol=1e-3)
        ):
            return f"each column of {name} sums to 1 over the {len(p)} samples, and rows sum to up to {rows.max():.2f}"
