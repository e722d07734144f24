"""Why a loaded network answers otherwise: call these on the loaded model, with the state dict that was loaded."""

from torch import nn


def layers_in_train_mode(model):
    """List the layers that depend on the mode and are in training mode: a new model is."""
    kinds = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)
    found = [
        (k, m) for k, m in model.named_modules() if isinstance(m, kinds) and m.training
    ]
    if found:
        return "in training mode: " + ", ".join(
            f"{name} ({type(module).__name__})" for name, module in found[:3]
        )


def buffers_not_in_checkpoint(model, checkpoint):
    """List buffers that the checkpoint lacks although it has the parameters of the same layer."""
    missing = [
        name
        for name, _ in model.named_buffers()
        if name in model.state_dict() and name not in checkpoint
    ]
    layers = {name.rpartition(".")[0] for name in checkpoint}
    missing = [name for name in missing if name.rpartition(".")[0] in layers]
    if missing:
        return f"{len(missing)} buffers are not in the checkpoint: {', '.join(missing[:3])}"


def names_with_a_prefix(model, checkpoint):
    """Ask whether the checkpoint's names would fit if a prefix was cut off, or put before them."""
    names = list(model.state_dict())
    if set(names) & set(checkpoint):
        return None
    for name in names:
        for saved in checkpoint:
            if saved.endswith("." + name) or name.endswith("." + saved):
                longer, shorter = max(name, saved, key=len), min(name, saved, key=len)
                where = "checkpoint" if longer == saved else "model"
                prefix = longer.removesuffix(shorter)
                return f"0 of {len(names)} names fit: the names of the {where} begin with '{prefix}'"


def best_weights_that_moved(model, checkpoint):
    """Ask whether the kept weights are the very tensors that training went on to change."""
    live = {
        tensor.data_ptr() for tensor in model.state_dict().values() if tensor.numel()
    }
    shared = sum(tensor.data_ptr() in live for tensor in checkpoint.values())
    if shared:
        return f"{shared} of {len(checkpoint)} kept tensors are the model's own: they change with it"


def classes_permuted(outputs, targets):
    """Ask whether renaming the predicted classes would make most predictions right: for (samples, classes)."""
    predicted = outputs.argmax(dim=1)
    right = (predicted == targets).float().mean().item()
    renamed = 0
    for one in predicted.unique():
        renamed += int(targets[predicted == one].bincount().max())
    renamed /= len(targets)
    if renamed > 0.7 and renamed > right + 0.3 and len(predicted.unique()) > 1:
        return f"accuracy is {right:.2f}, and {renamed:.2f} after renaming the classes: their order differs"
