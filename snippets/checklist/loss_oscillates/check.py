"""Why a loss goes up and down: the steps, the batches, or the order of the data."""

import copy
import statistics

import torch


def some_batches(train_loader, number):
    """The first batches of an epoch, drawn without touching the state of any random generator."""
    generator = getattr(train_loader, "generator", None)
    state = generator.get_state() if generator is not None else None
    try:
        with torch.random.fork_rng():
            batches = [
                batch for batch, _ in zip(train_loader, range(number), strict=False)
            ]
    finally:
        if state is not None:
            generator.set_state(state)
    return batches


def copied(model, optimizer=None):
    """Copy both; results of a forward pass that the model keeps, which deepcopy refuses, are copied as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(
        (model, optimizer), {id(v): v.detach().clone() for v in results}
    )


def smaller_steps_calm_it(model, optimizer, loss_fn, x_train, y_train):
    """Go on for 40 steps at this learning rate and at a tenth of it, on the same batches; costs 80 steps on copies."""
    late = []
    for factor in (1.0, 0.1):
        net, steps = copied(model, optimizer)
        for group in steps.param_groups:
            group["lr"] *= factor
        generator, losses = torch.Generator().manual_seed(0), []
        with torch.random.fork_rng(), torch.enable_grad():
            for _ in range(40):
                batch = torch.randint(len(x_train), (64,), generator=generator)
                loss = loss_fn(net(x_train[batch]), y_train[batch])
                steps.zero_grad()
                loss.backward()
                steps.step()
                losses.append(loss.item())
        late.append(statistics.fmean(losses[-10:]))
    if late[1] < 0.5 * late[0] and late[0] > 0.05 * losses_at_chance(y_train):
        return f"after 40 more steps the loss is {late[0]:.3g}; at a tenth of the learning rate it is {late[1]:.3g}"


def losses_at_chance(y_train):
    """Log C for classes, the variance for numbers."""
    return (
        y_train.var().item()
        if y_train.is_floating_point()
        else torch.tensor(len(y_train.unique())).log().item()
    )


def batches_that_differ_at_fixed_weights(model, loss_fn, train_loader, losses):
    """Hold the weights still: how much do batches differ, compared with the log? One pass over up to 300 batches."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            still = [
                loss_fn(model(inputs), targets).item()
                for inputs, targets in some_batches(train_loader, 300)
            ]
    finally:
        for module, mode in modes:
            module.training = mode
    if len(still) < 2:
        return None
    mean, noise, swing = (
        statistics.fmean(still),
        statistics.stdev(still),
        statistics.stdev(losses[-len(still) :]),
    )
    if noise > 0.5 * max(swing, mean) and noise > 0.1 * losses[0]:
        return f"weights held still, batch losses are {mean:.2g} ± {noise:.2g}; in the log they vary by ± {swing:.2g}"


def neighbours_with_equal_labels(train_loader):
    """Ask whether samples that follow each other have the same first label more often than chance."""
    labels = torch.cat(
        [
            torch.as_tensor(targets).reshape(len(targets), -1)[:, 0]
            for _, targets in some_batches(train_loader, 100)
        ]
    )
    if labels.is_floating_point():
        return None
    labels = labels[labels >= 0]
    together = (labels[1:] == labels[:-1]).float().mean().item()
    chance = (torch.bincount(labels) / len(labels)).square().sum().item()
    if together - chance > 0.5 * (1 - chance):
        return f"{together:.0%} of samples have the label of the one before; shuffled, it would be {chance:.0%}"


def gradients_that_pile_up(model, loss_fn, inputs, targets, train_loader):
    """Compare the gradient that step() used with fresh ones, right after step(); costs up to 100 passes."""
    trained = [p for p in model.parameters() if p.requires_grad and p.grad is not None]

    def fresh(x, y):
        with torch.random.fork_rng(), torch.enable_grad():
            gradients = torch.autograd.grad(
                loss_fn(model(x), y), trained, materialize_grads=True
            )
        return torch.cat([g.flatten() for g in gradients])

    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    used = torch.cat([p.grad.flatten() for p in trained])
    try:
        again = fresh(inputs, targets)
        others = [fresh(x, y).norm() for x, y in some_batches(train_loader, 100)]
    finally:
        for buffer, value in buffers:
            buffer.copy_(value)
    usual = torch.stack([*others, again.norm()]).float().quantile(0.9).item()
    if (used - again).norm() > 2 * usual:
        return f"step() used a gradient of norm {used.norm():.3g}; nine batches in ten alone give less than {usual:.3g}"


def rises_of_the_learning_rate(rates):
    """Look at the learning rates of all steps so far: how often do they turn upwards after having fallen to half?"""
    top, bottom, turns = rates[0], rates[0], 0
    for rate in rates:
        if bottom < 0.5 * top and rate > 2 * bottom:
            turns, top, bottom = turns + 1, rate, rate
        if rate > top:
            top = bottom = rate  # a fall is counted from the top
        bottom = min(bottom, rate)
    if turns:
        return f"in {len(rates)} steps the learning rate turned upwards {turns} times after a fall to less than half"


def still_in_evaluation_mode(model):
    """Call it right before loss.backward(): which dropouts and batch norms of trained parts are in evaluation mode?

    A frozen part, or one layer that was put into evaluation mode by itself, is left out.
    """
    modules, off = dict(model.named_modules()), []
    for name, module in modules.items():
        kind = type(module).__name__
        rate = getattr(module, "p" if "Dropout" in kind else "dropout", 0)
        if "BatchNorm" not in kind and not (isinstance(rate, float) and rate > 0):
            continue
        path = name.split(".") if name else []
        above = [modules[".".join(path[:i])] for i in range(len(path) + 1)]
        outer = next((m for m in above if not m.training), None)
        if outer is None or (outer is module and outer is not model):
            continue
        if not module.training and any(p.requires_grad for p in outer.parameters()):
            off.append(f"{name or 'the model'} ({kind})")
    if off:
        return f"layers in evaluation mode in a part that is trained: {len(off)}, such as {', '.join(off[:3])}"
