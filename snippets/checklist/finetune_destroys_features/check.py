"""What fine-tuning breaks: pretrained is a copy of state_dict() made before it."""

import torch


def inputs_of_another_scale(x_train):
    """Ask whether the inputs are standardized, as most pre-trained networks want them."""
    mean, std = x_train.float().mean().item(), x_train.float().std().item()
    if abs(mean) > 0.5 * std or not 0.5 < std < 2:
        return (
            f"the inputs have mean {mean:.2f} and standard deviation {std:.2f}; a network "
            "trained on standardized inputs wants 0 and 1"
        )


def weights_that_left_their_place(model, pretrained):
    """Compare how far weight matrices moved with how large they were."""
    moved = {}
    for name, p in model.named_parameters():
        before = pretrained.get(name)
        if before is not None and before.shape == p.shape and p.dim() > 1:
            way = (p.detach() - before.to(p)).norm() / before.norm()
            moved[name] = way.item()
    name = max(moved, key=lambda key: moved[key], default="")
    if name and moved[name] > 0.5:
        return f"{name} moved by {moved[name]:.0%} of its size: little of it is left"


def statistics_that_moved(model, pretrained):
    """Compare the running means of BatchNorm layers before and after fine-tuning."""
    shifts = []
    for name, module in model.named_modules():
        old = pretrained.get(f"{name}.running_mean")
        if old is not None and getattr(module, "running_mean", None) is not None:
            spread = pretrained[f"{name}.running_var"].clamp(min=1e-12).sqrt()
            shift = (module.running_mean - old.to(module.running_mean)).abs()
            shifts.append((shift / spread.to(shift)).median().item())
    if shifts and max(shifts) > 0.25:
        return (
            f"running means of BatchNorm moved by {max(shifts):.2f} standard deviations: "
            "the frozen weights get other inputs than they were trained for"
        )


def classes_without_samples(outputs, y_train):
    """Count the classes of the output layer that the new data lack."""
    classes = outputs.shape[1]
    seen = len(torch.unique(y_train))
    if seen < 0.8 * classes:
        return f"{classes - seen} of {classes} classes never occur in the new training data"
