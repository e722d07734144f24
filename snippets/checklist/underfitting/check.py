"""Why not even the training set is learned: call these on the network after training; they train copies of it."""

import copy

import torch


def switch_dropout_off(net):
    """Layers of dropout, and the rates that attention and recurrent layers keep."""
    for module in net.modules():
        if "Dropout" in type(module).__name__:
            module.eval()
        if isinstance(getattr(module, "dropout", None), float):
            module.dropout = 0.0


def copied(model, optimizer=None):
    """Copy both; results of a forward pass that the model keeps, which deepcopy refuses, are copied as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(
        (model, optimizer), {id(v): v.detach().clone() for v in results}
    )


def updates_too_small(model, optimizer, loss_fn, inputs, targets, steps=20):
    """Train copies on one batch, at the present learning rate and at a hundred times that.

    At a fitting learning rate, twenty steps on one batch without dropout lower its loss visibly. Costs 40 steps.
    A network that a schedule has trained to the end looks the same: then its loss is low.
    """

    def fall(factor):
        net, opt = copied(model, optimizer)
        switch_dropout_off(net)
        for group in opt.param_groups:
            group["lr"] *= factor
        first = loss_fn(net(inputs), targets).item()
        for _ in range(steps):
            opt.zero_grad()
            loss_fn(net(inputs), targets).backward()
            opt.step()
        return (first - loss_fn(net(inputs), targets).item()) / abs(first)

    with torch.random.fork_rng():
        now, larger = fall(1), fall(100)
    if now < 0.01 and larger > 0.05:
        return f"{steps} steps on one batch lower its loss by {now:.1%}, at 100 times the learning rate by {larger:.0%}"


def network_is_linear(model, x_train):
    """Ask whether f(a) + f(b) equals f(a + b) + f(0), which a network with activations between its layers violates."""
    a = x_train[:64].float()
    b = a.flip(0)
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            outs = [model(x).float() for x in (a, b, a + b, torch.zeros_like(a))]
    finally:
        for module, mode in modes.items():
            module.training = mode
    if outs[0].dim() > 1 and outs[0].shape[1] > 1:  # which log_softmax leaves unchanged
        outs = [out - out.mean(dim=1, keepdim=True) for out in outs]
    error = (outs[0] + outs[1] - outs[2] - outs[3]).abs().max()
    size = (outs[0] - outs[3]).abs().max()  # 0 if the output is constant
    if error < 1e-4 * size:
        return f"the whole network is one linear function: it is additive to within {(error / size).item():.0e}"


def hundred_samples_are_too_many(model, x_train, y_train, steps=300):
    """Train copies, without dropout and weight decay, to learn 100 samples by heart; a large enough network can.

    Costs at most 300 steps on 100 samples, and as many for each lower learning rate if the first does not do.
    """
    generator = torch.Generator().manual_seed(0)
    some = torch.randperm(len(x_train), generator=generator)[:100]
    x, y, best = x_train[some], y_train[some], 0.0
    for lr in (1e-2, 1e-3, 1e-4):
        net = copied(model)[0].eval()
        optimizer = torch.optim.Adam(net.parameters(), lr=lr)
        for _ in range(steps):
            outputs = net(x)
            best = max(best, (outputs.argmax(dim=1) == y).float().mean().item())
            if best >= 0.95:
                return None
            loss = torch.nn.functional.cross_entropy(outputs, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return f"of 100 samples it learns only {best:.0%} by heart, with no regularization at all"


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
        net, opt = copied(model, optimizer)
        if not net.training:
            net.train()
        if free:
            switch_dropout_off(net)
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
    """Give each sample its nearest neighbour's label, and compare with the label of any other sample.

    Costs two tables of distances, of raw and of standardized columns. Pixels of photographs and token ids are poor
    neighbours: hand in features there.
    """
    generator = torch.Generator().manual_seed(0)
    some = torch.randperm(len(x_train), generator=generator)[:most]
    x, y = x_train[some].flatten(1).float(), y_train[some]
    even = (x - x.mean(dim=0)) / x.std(dim=0).clamp_min(1e-12)
    near = [
        torch.cdist(z, z).fill_diagonal_(torch.inf).argmin(dim=1) for z in (x, even)
    ]
    found = max((y[index] == y).float().mean().item() for index in near)
    chance = (torch.bincount(y) / len(y)).square().sum().item()
    if found < chance + 0.1 * (1 - chance):
        return f"nearest neighbours share their label in {found:.0%} of cases; any two samples in {chance:.0%}"


def told_by_a_value_and_its_neighbors(code, y, halves):
    """The share of the targets' variance that each explains: means in the first half, judged in the second."""
    a, b = halves
    mean = y[a].mean(dim=0)
    ones = torch.cat([y[a], torch.ones_like(y[a, :1])], dim=1)
    sums = torch.zeros(int(code.max()) + 3, ones.shape[1], device=y.device)
    sums.index_add_(0, code[a] + 1, ones)
    told = []
    for found in (sums[1:-1], sums[:-2] + sums[2:]):
        guess = ((found[:, :-1] + mean) / (found[:, -1:] + 1))[code[b]]
        missed = (y[b] - guess).square().sum() / (y[b] - mean).square().sum()
        told.append(1 - missed.item())
    return told


def values_without_an_order(x_train, y_train):
    """Ask, for each column of a table, whether the values next to a value tell as much about its targets as itself.

    Of quantities they do, except at a lowest or highest value with a meaning of its own, such as 0: asked without, too.
    Asks columns of seven values or more, with ten samples each on average.
    """
    if x_train.dim() != 2:
        return None
    y = y_train.reshape(len(y_train), -1).float()
    if not y_train.is_floating_point():
        y = torch.nn.functional.one_hot(y_train.flatten().long()).float()
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    halves = order[::2].to(y.device), order[1::2].to(y.device)
    for column in range(x_train.shape[1]):
        values, code = x_train[:, column].unique(return_inverse=True)
        if not 7 <= len(values) <= len(y) / 10:
            continue
        inner = (code > 0) & (code < len(values) - 1)
        told, also = (
            told_by_a_value_and_its_neighbors(code, y, rows)
            for rows in (halves, [half[inner[half]] for half in halves])
        )
        if all(own > 0.1 and near < own / 3 for own, near in (told, also)):
            return (
                f"column {column} has {len(values)} values, which explain {told[0]:.0%} of the targets' variance; "
                f"those next to each explain {max(0.0, told[1]):.0%}: are they numbers of categories?"
            )


def inputs_that_never_meet(model, x_train):
    """Exchange columns of a table between samples: does the effect of one column depend on another?

    f(a, b) - f(a, b') - f(a', b) + f(a', b') is 0 where no part of the network sees both. Asks tables of 3 to 40 columns.
    """
    if x_train.dim() != 2 or not 3 <= x_train.shape[1] <= 40:
        return None
    net = copied(model)[0].double().eval()  # in float32, rounding hides small effects
    x = x_train[:256].double()
    other = x.roll(1, 0)
    varied = (x != other).float().mean(dim=0) > 0.1  # a constant has no effect
    columns = varied.nonzero().flatten().tolist()

    # ReLU is straight over a short way: go far, too, where that makes no unknown category
    whole = (x == x.round()).all(dim=0)
    far = x + torch.where(whole, 1, 30) * (other - x)

    def f(to, *exchanged):
        mixed = x.clone()
        mixed[:, list(exchanged)] = to[:, list(exchanged)]
        return net(mixed).flatten(1)

    sizes, together = dict.fromkeys(columns, 0.0), set()
    pairs = [(i, j) for n, i in enumerate(columns) for j in columns[n + 1 :]]
    with torch.no_grad(), torch.random.fork_rng():
        for to in (other, far):
            base, one = f(to), {i: f(to, i) for i in columns}
            size = {i: (one[i] - base).abs().max().item() for i in columns}
            sizes = {i: max(sizes[i], size[i]) for i in columns}
            for i, j in pairs:
                joint = (base - one[i] - one[j] + f(to, i, j)).abs().max()
                if joint > 1e-9 * max(size[i], size[j]):
                    together.add((i, j))
    apart = [pair for pair in pairs if pair not in together]
    unread = [i for i in columns if not sizes[i]]
    if unread and len(unread) < len(columns):
        return f"column {unread[0]} never changes an output"
    if 0 < len(apart) < len(columns) * (len(columns) - 1) / 4:  # more than half: meant
        i, j = apart[0]
        return f"columns {i} and {j} act apart: no part of the network sees both"
