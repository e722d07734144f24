"""Why one class is predicted for everything: call these after training, with the model as it is."""

import torch


def two_columns(outputs):
    """Outputs with one column per class; a single column, the logit of class 1, gets a column of zeros beside it."""
    outputs = outputs.detach().float().reshape(len(outputs), -1)
    return (
        outputs
        if outputs.shape[1] > 1
        else torch.cat([torch.zeros_like(outputs), outputs], dim=1)
    )


def rare_class_is_known_but_never_said(model, x_val, y_val, y_train):
    """Look for a class that is rare in training and never predicted, though the outputs rank its samples first."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            outputs = two_columns(model(x_val)).log_softmax(dim=1)
    finally:
        for module, mode in modes.items():
            module.training = mode
    share = torch.bincount(y_train.flatten().long(), minlength=outputs.shape[1]) / len(
        y_train
    )
    said = torch.bincount(outputs.argmax(dim=1), minlength=outputs.shape[1]) / len(
        outputs
    )
    rare = (share > 0) & (share < 0.5 / len(share))
    for label in rare.nonzero().flatten().tolist():
        own, others = (
            outputs[(y_val.flatten() == label) == side, label] for side in (True, False)
        )
        area = (
            (own[:, None] > others).float().mean().item()
            if len(own) >= 5 and len(others)
            else 0.0
        )
        if said[label] < 0.1 * len(own) / len(outputs) and area > 0.7:
            return f"class {label}, {share[label]:.1%} of y_train, is almost never predicted; its area is {area:.2f}"


def labels_come_in_blocks(train_loader, y_train):
    """Ask how much of 32 samples in a row one class makes up, and of the whole training set; looks at 50 batches."""
    generator = getattr(train_loader, "generator", None)
    state = None if generator is None else generator.get_state()
    try:
        with torch.random.fork_rng():
            targets = torch.cat(
                [
                    targets.flatten().long()
                    for _, (_, targets) in zip(range(50), train_loader, strict=False)
                ]
            )
    finally:
        if state is not None:
            generator.set_state(state)
    rows = targets[: len(targets) // 32 * 32].reshape(-1, 32)
    purity = sum(torch.bincount(row).max().item() / 32 for row in rows) / max(
        1, len(rows)
    )
    whole = torch.bincount(y_train.flatten().long()).max().item() / len(y_train)
    if purity > 0.5 * (1 + whole):
        return f"one class makes up {purity:.0%} of 32 samples in a row, and {whole:.0%} of the training set: shuffle"


def outputs_ignore_the_inputs(model, x_val):
    """Ask whether the outputs differ between samples at all."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            outputs = model(x_val).float()
    finally:
        for module, mode in modes.items():
            module.training = mode
    spread, size = outputs.std(dim=0).mean().item(), outputs.abs().mean().item()
    if spread <= 0.01 * size:
        return f"outputs are {size:.3g} in size and vary by {spread:.1g} between samples: inputs do not reach them"


def argmax_of_one_column(outputs, predictions):
    """Ask whether predictions are the argmax of a single column, which is 0 whatever the network says."""
    if outputs.dim() == 2 and outputs.shape[1] == 1 and not predictions.any():
        limit = 0.5 if outputs.min() >= 0 and outputs.max() <= 1 else 0  # 0.5: sigmoids
        positive = (outputs > limit).float().mean().item()
        if positive > 0:
            return f"outputs have one column, above {limit} for {positive:.0%} of a batch; every prediction is class 0"


def weight_for_both_classes(loss_fn):
    """Ask whether a binary loss got its weight as `weight`, which multiplies both classes, instead of `pos_weight`."""
    weight, pos_weight = (
        getattr(loss_fn, "weight", None),
        getattr(loss_fn, "pos_weight", None),
    )
    binary = isinstance(loss_fn, torch.nn.BCEWithLogitsLoss) and pos_weight is None
    if binary and weight is not None and weight.numel() == 1:
        return f"weight={weight.item():.3g} multiplies the loss of both classes; pos_weight is not set"
