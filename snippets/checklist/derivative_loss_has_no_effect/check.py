"""Why a loss on derivatives has no effect: call these after some hundred steps."""

import contextlib

import torch


@contextlib.contextmanager
def as_it_was(model):
    """Evaluation mode and random numbers of its own; each module's own flag is put back."""
    modes = [(module, module.training) for module in model.modules()]
    for module, _ in modes:
        module.training = False
    try:
        with torch.random.fork_rng():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def second_derivative_of_zero(model, inputs):
    """Differentiate the outputs twice with respect to the inputs: a forward and two backward passes."""
    if not inputs.is_floating_point():
        return None
    x = inputs.detach().clone().requires_grad_()
    chance = torch.Generator().manual_seed(0)

    def mixed(values):  # no sum of all: it is constant, for example, behind a softmax
        return (values * torch.randn(values.shape, generator=chance).to(values)).sum()

    with as_it_was(model), torch.enable_grad():
        slopes = torch.autograd.grad(mixed(model(x)), x, create_graph=True)[0]
        second = torch.zeros_like(x)
        if slopes.requires_grad:
            found = torch.autograd.grad(mixed(slopes), x, allow_unused=True)[0]
            second = second if found is None else found
    if slopes.any() and not second.any():
        return (
            f"the second derivative is exactly 0 at all {len(x)} points, the first is not: "
            "a loss that contains the second learns nothing from it"
        )


def derivative_outside_the_graph(model, derivatives):
    """Follow the graph of the derivatives in your loss back to the weights of the model."""
    weights = {id(weight) for weight in model.parameters() if weight.requires_grad}
    seen, ahead = set(), [derivatives.grad_fn]
    while ahead:
        node = ahead.pop()
        if node is not None and node not in seen:
            seen.add(node)
            if id(getattr(node, "variable", None)) in weights:
                return None
            ahead += [before for before, _ in node.next_functions]
    if weights:
        return (
            f"the graph of the derivatives reaches none of the {len(weights)} trained tensors: "
            "a term that uses them alone is a constant"
        )


def conditions_not_met(
    model, solution, boundary_inputs, boundary_targets, residual_loss, boundary_loss
):
    """Ask, when the loss no longer falls, how far the outputs are from values that were given."""
    size = boundary_targets.square().mean().sqrt().item()
    residual, boundary = (
        torch.as_tensor(loss).detach().item() for loss in (residual_loss, boundary_loss)
    )
    with as_it_was(model), torch.no_grad():
        outputs = solution(boundary_inputs)
    missed = outputs.reshape(boundary_targets.shape) - boundary_targets
    missed = missed.square().mean().sqrt().item()
    if size > 0 and missed > 0.3 * size and residual < 0.1 * boundary:
        return (
            f"the outputs miss the given values by {missed / size:.0%} of their size; in the loss the "
            f"equation is down to {residual:.2g}, the conditions are at {boundary:.2g}"
        )


def derivative_by_differences(model, solution, points, derivatives, column=0):
    """Compare first derivatives with differences of the solution, both in the coordinates of the equation."""
    points = points.detach()
    width = points[:, column].max() - points[:, column].min()
    shift = torch.zeros_like(points)
    shift[:, column] = 0.001 * width  # short against a wave
    above, below = points + shift, points - shift
    with as_it_was(model), torch.no_grad():
        steps = (solution(above) - solution(below)).reshape(len(points), -1)[:, 0]
    steps = steps / (above - below)[:, column]
    given = derivatives.detach().reshape(len(points), -1)
    given = given[:, column if given.shape[1] == points.shape[1] else 0]
    ratio = (given @ steps / (steps @ steps)).item()
    alike = (given - ratio * steps).norm() < 0.2 * given.norm()
    if alike and abs(abs(ratio) - 1) > 0.1:  # forces have the other sign
        return (
            f"the derivatives in the loss are {ratio:.3g} times those by differences of the solution: "
            "a factor of the scaling is missing"
        )
