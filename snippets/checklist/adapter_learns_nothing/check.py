"""Why an adapter learns nothing: call these between `loss.backward()` and `optimizer.zero_grad()`."""

import warnings

import torch


def names_without_adapter(model, adapted):
    """Look, for each name that you asked to adapt, for modules of that name with trained weights in them."""
    empty = []
    for wanted in adapted:
        found = [
            m for name, m in model.named_modules() if f".{name}".endswith(f".{wanted}")
        ]
        if not any(weight.requires_grad for m in found for weight in m.parameters()):
            empty.append(f"{wanted} ({len(found)} modules of that name)")
    if empty:
        return f"no trained weight in {len(empty)} of {len(adapted)} names: {', '.join(empty[:4])}"


def trained_without_gradient(model):
    """The trained weights that the last backward() has left out, with all modules that own them."""
    owners = {}
    for name, module in model.named_modules():
        for own, weight in module.named_parameters(recurse=False):
            owners.setdefault(weight, []).append((f"{name}.{own}".lstrip("."), module))
    trained = [weight for weight in owners if weight.requires_grad]
    if all(weight.grad is None for weight in trained):
        return {}  # zero_grad() was called, or backward() was not
    return {weight: owners[weight] for weight in trained if weight.grad is None}


def calls_of(model, inputs):
    """Which modules run in a forward pass: module -> whether gradients were recorded. Changes nothing."""
    calls, buffers = {}, [(b, b.clone()) for b in model.buffers()]

    def note(module, _):
        calls[module] = calls.get(module, False) or torch.is_grad_enabled()

    hooks = [module.register_forward_pre_hook(note) for module in model.modules()]
    try:
        with torch.random.fork_rng(), torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model(inputs)
    finally:
        for hook in hooks:
            hook.remove()
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)
    return calls


def places_by_recording(model, inputs):
    """Each weight without gradient: (name, its modules were called, the innermost called ones around recorded)."""
    lost = trained_without_gradient(model)
    calls = calls_of(model, inputs) if lost else {}
    modules = dict(model.named_modules())
    for places in lost.values():
        recorded = False
        for name, _ in places:
            around = name.rpartition(".")[0]
            while around and modules[around] not in calls:
                around = around.rpartition(".")[0]
            recorded |= calls.get(modules[around], False)
        yield places[0][0], any(module in calls for _, module in places), recorded


def checkpoint_without_gradient(model, inputs):
    """List trained weights without gradient whose module runs with recording switched off. One forward pass."""
    places = places_by_recording(model, inputs)
    names = [name for name, _, recorded in places if not recorded]
    if names:
        return (
            f"{len(names)} trained tensors got no gradient, and their layers run with gradients switched off, "
            f"in a checkpoint or under no_grad: {', '.join(names[:3])}"
        )


def layers_never_called(model, inputs):
    """List trained weights without gradient whose module is never called. One forward pass."""
    places = places_by_recording(model, inputs)
    names = [name for name, called, recorded in places if recorded and not called]
    if names:
        return (
            f"{len(names)} trained tensors got no gradient, and forward never calls their modules: "
            f"{', '.join(names[:3])}"
        )


def factors_that_are_zero(model):
    """Look for two trained matrices of matching shapes that are 0 and have a gradient of exactly 0.

    Call it after the first steps: where others are leaving 0 at this moment, it waits.
    """
    zeros = [
        (name, weight)
        for name, weight in model.named_parameters()
        if weight.dim() > 1 and weight.grad is not None and not weight.any()
    ]
    if any(weight.grad.any() for _, weight in zeros):
        return None  # a last layer that starts at 0 keeps all gradients before it at 0 for a step
    pairs = [
        (first, second)
        for i, (first, a) in enumerate(zeros)
        for second, b in zeros[i + 1 :]
        if a.shape[0] == b[0].numel() or b.shape[0] == a[0].numel()
    ]
    if pairs:
        return (
            f"{len(zeros)} trained matrices are 0 with a gradient of exactly 0, for example {pairs[0][0]} and "
            f"{pairs[0][1]}: as factors of one product neither can leave 0"
        )
