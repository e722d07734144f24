"""Why the served network does worse than the validated one: compare the two on the same input, step by step."""

import copy

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict


def prepared_differently(prepare, prepare_live, same, raw):
    """Send the same picture, as each side receives it, through both preparations.

    Args:
        same: some samples as the training program reads them.
        raw: the very same samples as the server receives them.
    """
    ours, theirs = prepare(same), prepare_live(raw)
    numbers = ours.is_floating_point()  # and no tokens, which are the same or are not
    ours, theirs = ours.float(), theirs.float()
    if ours.shape != theirs.shape:
        return f"training prepares the shape {tuple(ours.shape)}, the server {tuple(theirs.shape)}"
    known = ours.nan_to_num()
    spread = (
        known.std(dim=0, correction=0) if ours.dim() == 2 else known.std()
    )  # a scale for each column
    alike = (ours - theirs).abs() <= numbers * (
        0.01 * spread + 1e-5 * known.abs().amax(dim=0)
    )
    alike |= ours.isnan() & theirs.isnan()
    if not alike.all():
        apart = (ours - theirs)[~alike].abs().max()
        return f"prepared, the same samples differ by up to {apart:.2f}; their standard deviation is {ours.std():.2f}"


def left_as_it_was(prepare, raw, entries=None):
    """Ask whether a preparation changes nothing at all, or not the entries of a batch that it should change.

    Args:
        raw: a batch: a tensor, a dictionary, a list or a tuple of them; the check works on a copy.
        entries: the keys or numbers of entries that must change; if left out, one changed entry is enough.
    """

    def parts(batch):
        if isinstance(batch, dict):
            return batch
        return dict(enumerate(batch)) if isinstance(batch, list | tuple) else {0: batch}

    with torch.no_grad(), torch.random.fork_rng():
        before, after = parts(raw), parts(prepare(copy.deepcopy(raw)))
    tensors = {key: old for key, old in before.items() if torch.is_tensor(old)}
    same = [
        key
        for key, old in tensors.items()
        if torch.is_tensor(after.get(key)) and torch.equal(old, after[key])
    ]
    wrong = [key for key in same if entries is None or key in entries]
    if wrong and (entries is not None or len(same) == len(tensors)):
        return f"the preparation leaves {', '.join(map(str, wrong))} exactly as it was"


def copied(model):
    """Copy a model; results of a forward pass that it keeps, which deepcopy refuses, are copied as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(model, {id(v): v.detach().clone() for v in results})


def served_network_is_random(served, x_live):
    """Call a copy of the served network twice on the same input, and once on a part of it."""
    net, x = copied(served), x_live[:64]
    with torch.no_grad(), torch.random.fork_rng():
        first, again, part = net(x), net(x), net(x[: max(2, len(x) // 8)])
    size = first.abs().mean().item()
    twice, alone = (
        (first - again).abs().max().item(),
        (first[: len(part)] - part).abs().max().item(),
    )
    rounding = 4 * torch.finfo(first.dtype).eps * first.abs().max().item()
    if max(twice, alone) > 0.01 * size + rounding:
        return f"outputs of size {size:.2f} change by {twice:.2f} from call to call, by {alone:.2f} in a smaller batch"


def frozen_at_export(model, served, x_val, x_live):
    """Compare an exported network with its model, on the batch that it was exported with and on another of that size.

    Args:
        x_val: the batch that was the example for the export.
    """
    n, nets = min(len(x_val), len(x_live)), (copied(model).eval(), served)
    apart = []
    for x in (x_val[:n], x_live[:n]):
        try:
            with torch.no_grad(), torch.random.fork_rng():
                ours, theirs = (net(x).float() for net in nets)
        except RuntimeError as error:
            if apart:
                return f"right on the example of the export; on another batch: {error}"
            return None
        apart.append(((ours - theirs).norm() / ours.norm().clamp(min=1e-12)).item())
    if apart[0] < 0.01 and not apart[1] < 0.1:
        return f"outputs differ by {apart[0]:.1%} on the example of the export, and by {apart[1]:.0%} on another batch"


def classes_renamed(served, x_live, y_live):
    """Ask whether each true class is predicted consistently as one class, only under another number."""
    net = copied(served)
    with torch.no_grad(), torch.random.fork_rng():
        outputs = net(x_live)
    if (
        outputs.dim() != 2
        or outputs.shape[1] < 2
        or y_live.shape != outputs[:, 0].shape
    ):
        return None  # not one of several classes for each sample
    predicted = outputs.argmax(dim=1)
    right = (predicted == y_live).float().mean().item()
    names = {  # learned on every second sample, tried on the others
        label: predicted[::2][y_live[::2] == label].mode().values.item()
        for label in y_live[::2].unique().tolist()
    }
    renamed = torch.tensor(
        [names.get(label, -1) for label in y_live[1::2].tolist()],
        device=predicted.device,
    )
    would_be = (predicted[1::2] == renamed).float().mean().item()
    if would_be > right + 0.2 and len(set(names.values())) > 0.8 * len(names):
        return f"{right:.0%} are right, and {would_be:.0%} after renaming the classes, true to predicted: {names}"


def served_weights_differ(model, served):
    """Compare the weights of the validated network with those of the served one of the same structure, by name."""
    ours, theirs = (
        {
            name.replace("module.", "").replace("_orig_mod.", ""): w
            for name, w in net.state_dict().items()
        }
        for net in (model, served)
    )
    off = {}
    for name in ours.keys() & theirs.keys():
        a, b = ours[name].detach().cpu(), theirs[name].detach().cpu()
        if a.shape == b.shape and a.is_floating_point() and b.is_floating_point():
            a, b = a.double(), b.double()
            change = (a - b).norm().item() / max(a.norm().item(), 1e-12)
            if not change <= 0.02:  # NaN, too
                cut = ((b == 0) & (a != 0)).double().mean().item()
                off[name] = (
                    f"{name} by {change:.0%}, {cut:.0%} are 0 in the server only"
                )
    if off:
        return f"{len(off)} tensors differ, such as {off[min(off)]}"


def first_layer_that_differs(model, served, x_live):
    """Follow some inputs through both networks, in evaluation mode, to the first layer that gives something else.

    Layers are matched by name. Rounding to 8 bits changes the output of a layer by about 1%.
    """
    seen = {}, {}

    def keep(outputs, name):
        def hook(layer, args, output):
            output = output[0] if isinstance(output, tuple) else output
            if torch.is_tensor(output) and output.is_floating_point():
                outputs.setdefault(name, output.detach().cpu().double().clone())

        return hook

    for net, outputs in zip((model, served), seen, strict=True):
        net = copied(net).eval()
        for name, layer in net.named_modules():
            if not list(layer.children()):
                name = name.replace("module.", "").replace("_orig_mod.", "")
                layer.register_forward_hook(keep(outputs, name))
        net.register_forward_hook(keep(outputs, "the whole network"))
        with torch.no_grad(), torch.random.fork_rng():
            net(x_live[:64])
    changes = {}
    for name, ours in seen[0].items():  # in the order of the calls
        theirs = seen[1].get(name, ours)
        if ours.shape != theirs.shape:
            return None
        apart = (ours - theirs).norm().item() / max(ours.norm().item(), 1e-12)
        changes[name] = apart
    if changes.get("the whole network", 1) <= 0.05:  # as where layers were merged
        return None
    for name, change in changes.items():
        if not change <= 0.05:  # NaN, too
            return f"the first layer that gives something else is {name}, by {change:.0%}, on the same inputs"


def live_data_can_be_told_apart(x_val, x_live):
    """Train a linear classifier to tell live samples from those of the validation set, with three-fold validation.

    Takes about a second for some thousand samples. Of images, hand in features instead of pixels.
    """
    n = min(len(x_val), len(x_live))
    x = torch.cat([x_val[:n], x_live[:n]]).flatten(1).float().nan_to_num()
    x = ((x - x.mean(dim=0)) / (x.std(dim=0) + 1e-12)).cpu().numpy()
    side = [0] * n + [1] * n
    guessed = cross_val_predict(LogisticRegression(max_iter=200, C=0.01), x, side, cv=3)
    right = sum(
        int(guess == true) for guess, true in zip(guessed, side, strict=True)
    ) / len(side)
    if right > 0.7:
        return f"a linear classifier tells live samples from validation samples in {right:.0%} of cases; 50% is chance"
