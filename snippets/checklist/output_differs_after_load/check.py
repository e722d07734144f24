"""Why a loaded network answers otherwise: call these on the loaded model, with the state dict that was loaded."""

import copy
from collections import Counter

import torch
from torch import nn


def depends_on_mode(module):
    """Whether a layer of torch answers otherwise in training mode."""
    if isinstance(module, nn.modules.batchnorm._NormBase):
        return module.running_mean is not None
    if isinstance(module, nn.modules.dropout._DropoutNd):
        return module.p > 0
    recurrent = isinstance(module, (nn.RNNBase, nn.MultiheadAttention))
    return (recurrent and module.dropout > 0) or isinstance(module, nn.RReLU)


def layers_in_train_mode(model):
    """List torch's layers that depend on the mode and are in training mode: a new model is."""
    found = [
        (k, m) for k, m in model.named_modules() if m.training and depends_on_mode(m)
    ]
    if found:
        return "in training mode: " + ", ".join(
            f"{name} ({type(module).__name__})" for name, module in found[:3]
        )


def buffers_not_in_checkpoint(model, checkpoint):
    """List buffers that the checkpoint lacks although it has all parameters of the same layer."""
    names = set(model.state_dict())
    if not names & set(checkpoint):
        return None
    lost = {name.rpartition(".")[0] for name, _ in model.named_parameters()}
    lost -= {name.rpartition(".")[0] for name in checkpoint}
    missing = [name for name, _ in model.named_buffers() if name in names]
    missing = [name for name in missing if name not in checkpoint]
    missing = [name for name in missing if name.rpartition(".")[0] not in lost]
    if missing:
        return f"{len(missing)} buffers are not in the checkpoint: {', '.join(missing[:3])}"


def names_with_a_prefix(model, checkpoint):
    """Ask whether more names would fit if a prefix was cut off or put before them, or one level deeper."""
    names, saved = set(model.state_dict()), set(checkpoint)
    fit = f"{len(names & saved)} of {len(names)} names fit"
    for key, inner in checkpoint.items():
        if isinstance(inner, dict) and names & set(inner) and not names & saved:
            return f"{fit}: the weights lie in checkpoint['{key}']"
    for wrapper in ("module.", "_orig_mod."):
        inside = [name for name in saved - names if wrapper in name]
        if inside and all(name.replace(wrapper, "") in names for name in inside):
            return (
                f"{fit}: the names of the checkpoint begin with '{wrapper}', or hold it"
            )
    if names & saved:
        return None
    for where, longer, shorter in (
        ("checkpoint", saved, names),
        ("model", names, saved),
    ):
        tails = {
            (x[: i + 1], x[i + 1 :])
            for x in longer
            for i in range(len(x))
            if x[i] == "."
        }
        hits = Counter(prefix for prefix, tail in tails if tail in shorter)
        prefix, number = max(hits.items(), key=lambda one: one[1], default=("", 0))
        if number > len(shorter) / 2:
            return f"{fit}: the names of the {where} begin with '{prefix}'"


def best_weights_that_moved(model, checkpoint):
    """Ask whether the kept weights are the very tensors that training went on to change."""
    live = {
        tensor.data_ptr() for tensor in model.state_dict().values() if tensor.numel()
    }
    tensors = [kept for kept in checkpoint.values() if torch.is_tensor(kept)]
    shared = sum(tensor.data_ptr() in live for tensor in tensors)
    if shared:
        return f"{shared} of {len(checkpoint)} kept tensors are the model's own: they change with it"


def classes_permuted(outputs, targets):
    """Ask whether renaming the classes, one to one, would make most predictions right: for (samples, classes)."""
    predicted, n = outputs.argmax(dim=1), outputs.shape[1]
    pairs = (predicted * n + targets).bincount(minlength=n * n).view(n, n)
    right = pairs.diagonal().sum().item() / len(targets)
    floor = pairs.sum(dim=0).max().item() / len(targets)  # one answer for all
    renamed = 0.0
    for _ in range(n):
        one, other = divmod(int(pairs.argmax()), n)
        renamed += pairs[one, other].item() / len(targets)
        pairs[one], pairs[:, other] = -1, -1
    if renamed > max(0.7, right + 0.3, (1 + floor) / 2):
        return f"accuracy is {right:.2f}, and {renamed:.2f} after renaming the classes: their order differs"


def statistics_not_in_checkpoint(scaler, saved):
    """Look in the file for each tensor or array of an object outside the model: right after loading it must be there.

    Hand over what holds the numbers: a module, a dictionary, or an object such as a wrapper's ``obs_rms``.
    """

    def numbers(value):
        if isinstance(value, dict | list | tuple):
            inner = value.values() if isinstance(value, dict) else value
            return [one for part in inner for one in numbers(part)]
        is_array = torch.is_tensor(value) or hasattr(value, "__array__")
        return [torch.as_tensor(value).detach().cpu().double()] if is_array else []

    def is_kept(one):
        # 1%: a file in half precision holds the same statistics
        return any(
            one.shape == other.shape and torch.allclose(other, one, 1e-2, 1e-6)
            for other in kept
        )

    if isinstance(scaler, nn.Module):
        held = scaler.state_dict()
    else:
        held = scaler if isinstance(scaler, dict) else vars(scaler)
    kept = numbers(saved)
    lost = [
        name
        for name, value in held.items()
        if not all(is_kept(one) for one in numbers(value))
    ]
    if lost:
        return f"the file does not hold {', '.join(map(str, lost))} of the {type(scaler).__name__}"


def values_unlike_the_file(model, checkpoint):
    """Right after loading, compare the values of each tensor that the file holds under the same name."""
    both = {
        k: v
        for k, v in model.state_dict().items()
        if torch.is_tensor(checkpoint.get(k))
    }
    other = [
        name
        for name, value in both.items()
        # a file of 16 bits holds the same weights, rounded
        if value.shape != checkpoint[name].shape
        or not torch.allclose(
            checkpoint[name].to(value).double(),
            value.double(),
            1e-2,
            1e-4 * value.abs().max().item(),
        )
    ]
    if other:
        return f"{len(other)} of {len(both)} tensors are in the file, and were not loaded from it: {', '.join(other[:3])}"


def copied(model):
    """Copy a model; results of a forward pass that it keeps, which deepcopy refuses, are copied as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(model, {id(v): v.detach().clone() for v in results})


def form_in(twin, training):
    """All tensors of a copy that is never called, as they are in a mode."""
    state = twin.train(training).state_dict()
    return {name: one.clone() for name, one in state.items() if torch.is_tensor(one)}


def weights_that_follow_the_mode(model, checkpoint):
    """Call train() and eval() on a copy: do weights change, while the file does not say in which form it holds them?

    A flag that is saved, a buffer of one element, says it. Costs a copy of the model, and two of its weights.
    """
    twin = copied(model)
    forms = [form_in(twin, training) for training in (True, False)]

    def differs(name):
        one, other = (form[name].double() for form in forms)
        # adding and taking away leaves rounding behind
        return (one - other).abs().sum() > 1e-4 * one.abs().sum()

    changed = [name for name in forms[0] if differs(name)]
    flags = [name for name in forms[0] if forms[0][name].numel() == 1]
    if any(
        name in checkpoint and not torch.equal(forms[0][name], forms[1][name])
        for name in flags
    ):
        return None
    if changed:
        return f"eval() and train() change {len(changed)} tensors, such as {changed[0]}; nothing in the file tells the form"
