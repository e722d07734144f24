"""Why embeddings collapse or tell nothing: call these with one batch, its embeddings and the loss."""

import torch


def loss_at_the_margin(loss, margin, outputs):
    """Compare a triplet loss with its margin: equal distances give exactly the margin."""
    spread = torch.pdist(outputs.detach().float()).mean().item()
    value = loss.item() if isinstance(loss, torch.Tensor) else loss
    if abs(value - margin) < 0.05 * margin and spread < 0.1 * margin:
        return f"the loss is {value:.4f}, the margin {margin:g}, the mean distance {spread:.4f}: one point"


def batch_without_negatives(targets):
    """Count the classes in a batch: with one class, nothing is pushed apart."""
    if not targets.is_floating_point() and len(targets.unique()) == 1:
        return f"all {len(targets)} samples of the batch are of class {int(targets[0])}: there is no negative"


def constant_that_is_perfect(loss_fn, outputs, targets):
    """Compare the loss of one and the same embedding for all with that of a perfect one."""
    if targets.is_floating_point() and not targets.requires_grad:
        return None  # one side stands still, as it should in SimSiam and BYOL
    if not targets.is_floating_point() and len(targets.unique()) == 1:
        return None  # without negatives one point is perfect by any loss
    same = torch.ones(outputs.shape, device=outputs.device)
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        perfect = torch.randn(outputs.shape).to(outputs.device)
        if targets.is_floating_point():
            best, constant = loss_fn(perfect, perfect), loss_fn(same, same)
        else:
            classes = targets.unique(return_inverse=True)[1]
            axes = torch.eye(outputs.shape[1], device=outputs.device)
            perfect = 10 * (axes if classes.max() < len(axes) else perfect)[classes]
            best, constant = loss_fn(perfect, targets), loss_fn(same, targets)
    if constant <= best + 1e-5:
        return f"one point for all has the loss {float(constant):.3f}, a perfect embedding {float(best):.3f}"


def views_that_are_equal(inputs, targets):
    """Compare two views of the same samples, as they enter the network, element by element."""
    if inputs.shape != targets.shape or not inputs.numel():
        return None
    equal = int((inputs == targets).reshape(len(inputs), -1).all(dim=1).sum())
    if equal > 0.9 * len(inputs):
        return (
            f"{equal} of {len(inputs)} pairs are equal in every element: if these are two views, "
            "only dropout in the network, where there is some, tells them apart"
        )


def rows_that_compete_with_themselves(loss_fn, outputs, targets):
    """Ask the loss about one row of the batch, and about that row eight and sixteen times.

    Where all rows are candidates and only one of them is right, k equal rows cost log k, however good the embedding.
    """
    counts = targets.unique(dim=0, return_counts=True)[1].double()
    floor = (counts / len(targets) * counts.log()).sum().item()
    if floor < 0.1:  # the right rows can still have nine tenths of the probability
        return None
    losses = []
    with torch.no_grad(), torch.random.fork_rng():
        for k in (1, 8, 16):
            row = [t[:1].expand(k, *t.shape[1:]) for t in (outputs, targets)]
            losses.append(float(loss_fn(*row)))
    expected = torch.tensor([1.0, 8.0, 16.0]).log()
    if torch.allclose(torch.tensor(losses), expected, atol=1e-3):
        twice = (counts * (counts > 1)).sum().item() / len(targets)
        return (
            f"{twice:.0%} of the batch share their target with another row, which counts as wrong: "
            f"the loss cannot fall below {floor:.2f}"
        )


def positive_that_is_another_image(loss_fn, inputs, outputs, targets):
    """Find how the two views lie in the batch, and ask the loss whether it wants these rows to be equal."""
    n, x = len(inputs), inputs.detach().flatten(1).float()
    if n < 4 or n % 2 or len(outputs) != n:
        return None
    group = torch.arange(n, device=outputs.device)
    far, layouts = (x - x.roll(n // 2 + 1, 0)).norm(dim=1).mean(), {}
    for apart, first in ((n // 2, group % (n // 2)), (1, group - group % 2)):
        layouts[(x - x[first.to(x.device)]).norm(dim=1).sum() / (n / 2)] = apart, first
    nearest = min(layouts)
    if (
        nearest > 0.8 * far
    ):  # no two rows are more alike than any two: not two views, or strongly augmented ones
        return None
    apart, first = layouts[nearest]
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        draws = [torch.randn(outputs.shape).to(outputs.device) for _ in range(16)]
        unrelated = sum(float(loss_fn(z, targets)) for z in draws) / 16
        equal = sum(float(loss_fn(z[first], targets)) for z in draws) / 16
    if equal > unrelated - 0.02 * abs(
        unrelated
    ):  # the right pairs lower it by 1 at least, at a temperature of 1
        return (
            f"views of one image lie {apart} rows apart; if these are equal, the loss is {equal:.2f}, "
            f"for unrelated embeddings {unrelated:.2f}: it wants other rows to be equal"
        )
