"""Why a compiled model trains differently: model is what torch.compile returned; nothing is changed."""

import torch


def compiled_output_that_differs(model, inputs):
    """Compare the outputs of the compiled model with those of the module that it holds. Costs two forward passes."""
    plain = getattr(model, "_orig_mod", None)
    if plain is None:
        return None
    buffers = {name: buffer.clone() for name, buffer in plain.named_buffers()}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        compiled = model(inputs).detach()
        torch.manual_seed(0)
        eager = plain(inputs).detach()
    with torch.no_grad():
        for name, buffer in plain.named_buffers():
            buffer.copy_(buffers[name])
    error = ((compiled - eager).norm() / eager.norm().clamp(min=1e-12)).item()
    if error > 0.01:
        hooks = [n or "model" for n, m in plain.named_modules() if m._forward_hooks]
        return f"compiled outputs are off by {error:.0%} of their size; modules with hooks: {', '.join(hooks) or 'none'}"


def groups_without_parameters(model, optimizer):
    """Look for parameter groups that a search by name left empty, since all names have a prefix now."""
    names = [name for name, _ in model.named_parameters()]
    empty = [n for n, group in enumerate(optimizer.param_groups) if not group["params"]]
    if empty and all(name.startswith("_orig_mod.") for name in names):
        return f"group {empty[0]} of the optimizer is empty, and names begin with _orig_mod. ({names[0]})"


def checkpoint_with_other_names(model, checkpoint):
    """Count the keys of a checkpoint that the model knows, as they are and without the prefix of torch.compile."""
    known = set(model.state_dict())
    fits = len(known & set(checkpoint))
    stripped = {key.replace("_orig_mod.", "") for key in checkpoint}
    plain = {key.replace("_orig_mod.", "") for key in known}
    if fits < len(known) and len(plain & stripped) > fits:
        return f"{fits} of {len(known)} keys fit, and {len(plain & stripped)} without the prefix _orig_mod."
