"""Where the jumps of a validation metric come from: the set, the evaluation, the statistics or the weights."""

import copy
import random
from itertools import pairwise

import numpy as np
import torch


def validation_set_too_small(val_accuracies, y_val):
    """Compare the jumps from epoch to epoch with what a set of this size does to an accuracy by chance.

    An accuracy p of n independent samples has a standard error of sqrt(p (1 - p) / n). Between two epochs only samples
    that change sides count, so jumps far above that have another cause.
    """
    if len(val_accuracies) < 4:
        return None
    last = val_accuracies[len(val_accuracies) // 2 :]
    p, n = sum(last) / len(last), len(y_val)
    error = (p * (1 - p) / n) ** 0.5
    jump = sum(abs(b - a) for a, b in pairwise(last)) / (len(last) - 1)
    if error > 0.03 and 0 < jump < 2 * error:
        return f"{n} samples have a standard error of {error:.3f}; jumps are {jump:.3f}, one sample is {1 / n:.3f}"


def copied(model, optimizer=None):
    """Copy both; results of a forward pass that the model keeps, which deepcopy refuses, are copied as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(
        (model, optimizer), {id(v): v.detach().clone() for v in results}
    )


def evaluation_is_random(evaluate, model, times=5):
    """Evaluate the same weights several times; costs as many evaluations."""
    states = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            values = [evaluate(copied(model)[0]) for _ in range(times)]
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
    if max(values) - min(values) > 1e-5 * max(map(abs, values)):  # more than rounding
        return f"the same weights get {min(values):.3f} to {max(values):.3f} in {times} evaluations"


def batchnorm_remembers_few_batches(model, inputs):
    """Look for batch normalization whose running statistics hardly cover more samples than one batch has."""
    norms = [
        m
        for m in model.modules()
        if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)
        and m.track_running_stats
        and (m.training or not model.training)  # else it is frozen
    ]
    covered = [
        len(inputs) * (2 / m.momentum - 1) for m in norms if m.momentum
    ]  # of an exponential mean
    if covered and min(covered) < 64:
        return f"running statistics of batch normalization rest on about {min(covered):.0f} samples"


def weights_jump(model, optimizer, loss_fn, inputs, x_train, y_train, steps=100):
    """Go on training two copies, one at a tenth of the learning rate; follow the accuracy on the whole training set.

    That set is large, so what jumps there are the weights. Costs 200 steps and 20 evaluations.
    """

    def jump(factor):
        net, opt = copied(model, optimizer)
        modes = [(m, m.training or not model.training) for m in net.modules()]
        generator, values = torch.Generator().manual_seed(0), []
        for group in opt.param_groups:
            group["lr"] *= factor
        for step in range(1, steps + 1):
            batch = torch.randint(len(x_train), (len(inputs),), generator=generator)
            opt.zero_grad()
            for module, mode in modes:  # what is frozen stays so
                module.training = mode
            loss_fn(net(x_train[batch]), y_train[batch]).backward()
            opt.step()
            if step % 10 == 0:
                with torch.no_grad():
                    values.append(
                        (net.eval()(x_train).argmax(dim=1) == y_train)
                        .float()
                        .mean()
                        .item()
                    )
        way = sum(abs(b - a) for a, b in pairwise(values))  # progress is no jump
        return (way - abs(values[-1] - values[0])) / (len(values) - 1)

    with torch.random.fork_rng():
        now, lower = jump(1), jump(0.1)
    if now > 0.01 and now > 2 * lower:
        return f"every 10 steps training accuracy jumps by {now:.3f}, at a tenth of the learning rate by {lower:.3f}"
