"""Why small objects are missed: masks are 0 or 1, of shape (images, 1, height, width)."""

import torch
from torch.nn import functional


def price_of_a_miss(loss_fn, targets):
    """Compare the loss of missing all objects with that of as many false pixels."""
    share = targets.float().mean().item()
    if not 0 < share < 0.05:
        return None
    perfect = 8 * targets.float() - 4
    missed = torch.full_like(perfect, -4)
    false = perfect.clone()
    background = (targets.flatten() == 0).nonzero().flatten()
    wrong = background[:: max(1, len(background) // int(targets.sum()))]
    false.view(-1)[wrong[: int(targets.sum())]] = 4
    best, miss, alarm = (loss_fn(o, targets).item() for o in (perfect, missed, false))
    ratio = (miss - best) / (alarm - best)
    if ratio < 1.5:
        return (
            f"objects are {share:.1%} of the pixels, and missing all of them costs {ratio:.1f} times "
            "what as many false pixels cost"
        )


def detail_of_the_output(model, inputs, targets):
    """Ask whether the output can change over the width of an object; costs a forward pass."""
    padded = functional.pad(targets.float(), (1, 1, 1, 1))
    edges = sum(padded.diff(dim=dim).abs().sum().item() for dim in (-1, -2))
    if not edges:
        return None
    size = max(2, round(4 * padded.sum().item() / edges))  # of a square
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng():
            outputs = model(inputs)
    finally:
        for module, mode in modes.items():
            module.training = mode
    whole = outputs.shape[-2:]
    coarse = functional.interpolate(
        outputs, [max(1, n // size) for n in whole], mode="area"
    )
    coarse = functional.interpolate(coarse, whole, mode="bilinear")
    share = ((outputs - coarse).var() / outputs.var()).item()
    if share < 0.1:
        return (
            f"objects are about {size} pixels wide, and only {share:.0%} of the output's variance is in "
            "details of that size: it is too coarse for them"
        )


def objects_lost_in_resizing(masks, y):
    """Count the images of whose objects one has, after resizing, not even a pixel of any object near its place."""
    cells = functional.adaptive_max_pool2d(masks.float(), y.shape[-2:]) > 0
    near = functional.max_pool2d(y.float(), 3, stride=1, padding=1) > 0
    before, lost = (int(c.flatten(1).any(dim=1).sum()) for c in (cells, cells & ~near))
    if lost > 0.01 * before:
        return f"{lost} of {before} masks with an object lose one in resizing"


def score_of_nothing(metric, y_val):
    """Score the answer that finds nothing at all."""
    score = metric(torch.zeros_like(y_val), y_val)
    if score > 0.1:
        empty = (y_val.flatten(1).sum(dim=1) == 0).float().mean().item()
        return f"finding nothing scores {score:.2f} by this metric: {empty:.0%} of the masks are empty"


def class_numbers_between(masks, y):
    """Count labels with a number that, before resizing, no pixel near their place had; masks hold class numbers.

    Hand in labels as resizing made them: a crop or padding moves them to other places.
    """
    if masks[0].numel() != masks.shape[-1] * masks.shape[-2]:
        return None  # one channel for each class
    masks, y = (z.reshape(len(z), 1, *z.shape[-2:]).float() for z in (masks, y))
    classes = masks.unique()
    if len(classes) < 3:
        return None  # nothing lies between two classes
    made = ~torch.isin(y, classes)
    for label in classes:
        cells = functional.adaptive_max_pool2d((masks == label).float(), y.shape[-2:])
        near = functional.max_pool2d(cells, 3, stride=1, padding=1) > 0
        made |= (y == label) & ~near
    if made.any():
        numbers = ", ".join(f"{value:.3g}" for value in y[made].unique()[:3].tolist())
        return f"{int(made.sum())} labels have a number that their place did not have before, such as {numbers}"


def padding_that_counts(loss_fn, inputs, outputs, targets):
    """Look for lines of one single value along a border, as padding makes them, and ask whether they count in the loss."""
    x, n = inputs.detach().float(), len(inputs)
    flat = torch.zeros(n, *x.shape[-2:], dtype=torch.bool, device=x.device)
    for dim in (-1, -2):
        same = (x.amax(dim=dim) == x.amin(dim=dim)).all(dim=1)  # (images, lines)
        for end in (same, same.flip(1)):
            run = end.int().cumprod(dim=1).bool()
            run = run if end is same else run.flip(1)
            flat |= run.unsqueeze(dim if dim == -1 else 1)
    share = flat.float().mean().item()
    if share < 0.01:  # less cannot teach much
        return None
    moved = outputs.detach().clone()
    shift = torch.linspace(-3, 3, outputs.shape[1], device=outputs.device)
    moved += flat[:, None] * shift.view(1, -1, 1, 1)
    with torch.no_grad():
        before, after = float(loss_fn(outputs, targets)), float(loss_fn(moved, targets))
    if before != after:
        labels = targets.reshape(n, -1, *x.shape[-2:])[:, 0][flat]
        usual = labels.mode().values.item()
        return f"{share:.0%} of the pixels are blank lines at a border, and count in the loss, mostly as class {usual:g}"
