"""What holds a loss up: a limit of the outputs, of the network, of the regularization, or no learning rate left."""

import copy
import math
import statistics

import torch


def outputs_at_their_limit(outputs, targets):
    """Ask whether targets lie far outside of the range that the outputs use: by a fifth of the targets' range."""
    if not targets.is_floating_point():
        return None
    low, high = outputs.min().item(), outputs.max().item()
    margin = 0.2 * (targets.max() - targets.min()).item()
    beyond = (
        ((targets > high + margin) | (targets < low - margin)).float().mean().item()
    )
    near = 0.02 * (high - low)
    above = (targets > high + margin).any() and (
        0.9 < high <= 1 or (outputs >= high - near).float().mean() > 0.15
    )
    below = (targets < low - margin).any() and (
        -1 <= low < -0.9
        or 0 <= low < 0.02
        or (outputs <= low + near).float().mean() > 0.15
    )
    limit = (above or below) and (high > low or high in (-1, 0, 1))
    if beyond > 0.15 and limit:
        reach = f"from {targets.min():.3g} to {targets.max():.3g}"
        return f"outputs lie between {low:.3g} and {high:.3g}; {beyond:.0%} of the targets, {reach}, lie far outside"


def outputs_that_are_probabilities(outputs, loss_fn):
    """Ask whether what cross-entropy gets went through a softmax already, and how low the loss can then fall."""
    if (
        (
            isinstance(loss_fn, torch.nn.CrossEntropyLoss)
            or loss_fn is torch.nn.functional.cross_entropy
        )
        and outputs.dim() > 1
        and outputs.min() >= 0
    ):
        sums, classes = outputs.float().sum(dim=1), outputs.shape[1]
        if torch.allclose(sums, torch.ones_like(sums), atol=1e-2):
            floor = math.log(classes - 1 + math.e) - 1
            return f"every row of the outputs sums to 1; the loss of {classes} classes cannot fall below {floor:.2f}"


def evaluated(model, inputs):
    """The outputs in evaluation mode, without a trace in the model."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            outputs = model(inputs)
    finally:
        for module, mode in modes:
            module.training = mode
    return outputs


def network_that_is_linear(model, inputs):
    """A linear network gives to the middle of two inputs the middle of their outputs; six forward passes."""
    if not inputs.is_floating_point() or len(inputs) < 2:
        return None
    error = 0.0
    for x in (inputs, 1000 * inputs):  # small inputs may stay where the bends are not
        other = x.roll(1, 0)
        middle = evaluated(model, (x + other) / 2)
        ends = evaluated(model, x)
        expected = (ends + evaluated(model, other)) / 2
        spread = (ends - ends[:1]).abs().max().item()
        if spread < 1e-5 * ends.abs().max().item() or spread == 0:
            return None  # the outputs are constant
        error = max(error, (middle - expected).abs().max().item() / spread)
    if error < 1e-3:
        return f"outputs between two inputs lie on a straight line, to {error:.0e}: the network is linear"


def copied(model, optimizer=None):
    """Copy both; results of a forward pass that the model keeps, which deepcopy refuses, are copied as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(
        (model, optimizer), {id(v): v.detach().clone() for v in results}
    )


def decay_that_holds_the_loss_up(model, optimizer, loss_fn, x_train, y_train):
    """Go on for 50 steps as before and without weight decay, on the same batches; costs 100 steps on copies."""
    if not any(group.get("weight_decay") for group in optimizer.param_groups):
        return None
    ends = []
    for keep in (1.0, 0.0):
        net, steps = copied(model, optimizer)
        for group in steps.param_groups:
            group["weight_decay"] *= keep
        generator, losses = torch.Generator().manual_seed(0), []
        with torch.random.fork_rng(), torch.enable_grad():
            for _ in range(50):
                batch = torch.randint(len(x_train), (64,), generator=generator)
                loss = loss_fn(net(x_train[batch]), y_train[batch])
                steps.zero_grad()
                loss.backward()
                steps.step()
                losses.append(loss.item())
        ends.append(statistics.fmean(losses[-10:]))
    if ends[1] < 0.7 * ends[0]:
        return f"after 50 more steps the loss is {ends[0]:.3g}; without weight decay it is {ends[1]:.3g}"


DROPOUT = (
    torch.nn.Dropout,
    torch.nn.Dropout1d,
    torch.nn.Dropout2d,
    torch.nn.Dropout3d,
    torch.nn.AlphaDropout,
)


def loss_that_dropout_makes(model, loss_fn, inputs, targets, losses):
    """Compare the loss of one batch in training mode with that in evaluation mode; costs eleven forward passes."""
    rates = [module.p for module in model.modules() if isinstance(module, DROPOUT)]
    if not rates:
        return None
    still = loss_fn(evaluated(model, inputs), targets).item()
    twin = copied(model)[0].eval()
    for module in twin.modules():
        module.training = isinstance(module, DROPOUT)
    with torch.no_grad(), torch.random.fork_rng():
        noisy = statistics.fmean(
            loss_fn(twin(inputs), targets).item() for _ in range(10)
        )
    if noisy > 3 * still and noisy - still > 0.1 * losses[0]:
        return f"the same batch has a loss of {noisy:.2g} with dropout (up to {max(rates)}) and {still:.2g} without"


def learning_rate_that_is_gone(rates):
    """Count the steps whose learning rate was less than 1 % of the largest so far."""
    top, idle = 0.0, 0
    for rate in rates:
        top = max(top, rate)
        idle += rate < 0.0099 * top
    if idle > 0.3 * len(rates):
        return f"in {idle} of {len(rates)} steps the learning rate was below 1% of its peak; now it is {rates[-1]:.1e}"
