"""Why not even the training set is learned: call these on the network after training; they train copies of it."""

import copy

import torch


def updates_too_small(model, optimizer, loss_fn, inputs, targets, steps=20):
    """Train copies on one batch, at the present learning rate and at a hundred times that.

    At a fitting learning rate, twenty steps on one and the same batch lower its loss visibly. Costs 40 steps.
    """

    def fall(factor):
        net, opt = copy.deepcopy((model, optimizer))
        for group in opt.param_groups:
            group["lr"] *= factor
        first = loss_fn(net(inputs), targets).item()
        for _ in range(steps):
            opt.zero_grad()
            loss_fn(net(inputs), targets).backward()
            opt.step()
        return 1 - loss_fn(net(inputs), targets).item() / first

    with torch.random.fork_rng():
        now, larger = fall(1), fall(100)
    if now < 0.01 and larger > 0.05:
        return f"{steps} steps on one batch lower its loss by {now:.1%}, at 100 times the learning rate by {larger:.0%}"


def network_is_linear(model, x_train):
    """Ask whether f(a) + f(b) equals f(a + b) + f(0), which a network with activations between its layers violates."""
    a, b = x_train[:32].float(), x_train[32:64].float()
    was_training = model.training
    model.eval()
    with torch.no_grad():
        error = (
            (model(a) + model(b) - model(a + b) - model(torch.zeros_like(a)))
            .abs()
            .max()
        )
        size = model(a).abs().max()
    model.train(was_training)
    if error < 1e-4 * size:
        return f"the whole network is one linear function: it is additive to within {(error / size).item():.0e}"


def hundred_samples_are_too_many(model, x_train, y_train, steps=300):
    """Train a copy, without dropout and weight decay, to learn 100 samples by heart; a large enough network can.

    Costs 300 steps on 100 samples.
    """
    net = copy.deepcopy(model).eval()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(net(x_train[:100]), y_train[:100])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    accuracy = (net(x_train[:100]).argmax(dim=1) == y_train[:100]).float().mean().item()
    if accuracy < 0.95:
        return f"of 100 samples it learns only {accuracy:.0%} by heart, with no regularization at all"


def better_without_regularization(
    model, optimizer, loss_fn, x_train, y_train, steps=50
):
    """Go on training two copies for some steps, one as it was, one without dropout and weight decay.

    Costs 100 steps.
    """
    generator = torch.Generator().manual_seed(0)
    batches = [
        torch.randint(len(x_train), (64,), generator=generator) for _ in range(steps)
    ]

    def end(free):
        net, opt = copy.deepcopy((model, optimizer))
        for module in net.modules():
            module.train(not (free and "Dropout" in type(module).__name__))
        for group in opt.param_groups:
            group["weight_decay"] = 0.0 if free else group.get("weight_decay", 0.0)
        for batch in batches:
            opt.zero_grad()
            loss_fn(net(x_train[batch]), y_train[batch]).backward()
            opt.step()
        net.eval()
        with torch.no_grad():
            return loss_fn(net(x_train), y_train).item()

    with torch.random.fork_rng():
        held, free = end(False), end(True)
    if free < 0.7 * held:
        return f"{steps} steps without dropout and weight decay bring the loss to {free:.3f}, with them to {held:.3f}"


def inputs_tell_nothing(x_train, y_train, most=2000):
    """Give each sample its nearest neighbour's label, and compare with always answering the most frequent class.

    Costs one table of distances. Raw pixels of photographs are poor neighbours: hand in features there.
    """
    x, y = x_train[:most].flatten(1).float(), y_train[:most]
    near = y[torch.cdist(x, x).fill_diagonal_(torch.inf).argmin(dim=1)]
    found, constant = (
        (near == y).float().mean().item(),
        torch.bincount(y).max().item() / len(y),
    )
    if found < constant + 0.05:
        return f"nearest neighbours share their label in {found:.0%} of cases; a constant answer gets {constant:.0%}"
