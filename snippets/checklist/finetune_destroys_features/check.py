"""What fine-tuning breaks: pretrained is a copy of state_dict() made before it."""

import torch


def inputs_of_another_scale(x_train):
    """Ask whether inputs that are no token ids are near standardized ones: of both signs, of a size near 1."""
    if not x_train.is_floating_point() and x_train.dtype != torch.uint8:
        return None
    mean, std = x_train.float().mean().item(), x_train.float().std().item()
    if x_train.min() >= 0 or abs(mean) > 2 or not 0.3 < std < 3:
        return (
            f"the inputs have mean {mean:.2f} and standard deviation {std:.2f}; a network "
            "trained on standardized inputs wants 0 and 1"
        )


def weights_that_left_their_place(model, pretrained):
    """Compare how far weight matrices moved with how large they were; small tables and zeros are left out."""
    moved, few = {}, 0.01 * sum(p.numel() for p in model.parameters())
    for name, p in model.named_parameters():
        before = pretrained.get(name)
        if before is None or before.shape != p.shape or p.dim() < 2:
            continue
        if p.numel() >= few and before.any():
            way = (p.detach() - before.to(p)).norm() / before.norm()
            moved[name] = way.item()
    name = max(moved, key=lambda key: moved[key], default="")
    if name and moved[name] > 0.5:
        return f"{name} moved by {moved[name]:.0%} of its size: little of it is left"


def statistics_that_moved(model, pretrained):
    """Compare the running means of frozen BatchNorm layers before and after fine-tuning."""
    shifts = []
    for name, module in model.named_modules():
        old = pretrained.get(f"{name}.running_mean")
        around = model.get_submodule(name.rpartition(".")[0])
        weights = list(module.parameters()) or list(around.parameters())
        if any(weight.requires_grad for weight in weights):
            continue  # trained weights can follow
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
    if outputs.dim() != 2 or y_train.dim() != 1 or y_train.is_floating_point():
        return None
    classes = outputs.shape[1]
    seen = len(torch.unique(y_train[y_train >= 0]))  # below 0: ignored
    if seen < 0.8 * classes:
        return f"{classes - seen} of {classes} classes never occur in the new training data"
