"""Why a compiled model trains differently: model is what torch.compile returned; nothing is changed."""

import torch


def compiled_output_that_differs(model, inputs):
    """Compare the outputs of the compiled model with those of the module that it holds. Costs five forward passes."""
    plain = getattr(model, "_orig_mod", None)
    if plain is None:
        return None
    outputs, buffers = (
        [],
        {name: buffer.clone() for name, buffer in plain.named_buffers()},
    )
    with torch.random.fork_rng():
        for run, seed in ((model, 0), *((plain, seed) for seed in range(4))):
            torch.manual_seed(seed)
            try:
                outputs.append(run(inputs).detach())
            finally:
                with torch.no_grad():
                    for name, buffer in plain.named_buffers():
                        buffer.copy_(buffers.get(name, buffer))
    compiled, eager, *other_seeds = outputs
    size = eager.norm().clamp(min=1e-12)
    error = ((compiled - eager).norm() / size).item()
    # Dropout, which Inductor draws by numbers of its own.
    chance = max(((other - eager).norm() / size).item() for other in other_seeds)
    if error > 0.01 and error > 2 * chance:
        hooks = [
            n or "model"
            for n, m in plain.named_modules()
            if m._forward_hooks or m._forward_pre_hooks
        ]
        return f"compiled outputs are off by {error:.0%} of their size; modules with hooks: {', '.join(hooks) or 'none'}"


def groups_without_parameters(model, optimizer):
    """Look for parameter groups that a search by name left empty, since names have a prefix now."""
    names = [name for name, _ in model.named_parameters() if "_orig_mod." in name]
    empty = [n for n, group in enumerate(optimizer.param_groups) if not group["params"]]
    if empty and names:
        return f"group {empty[0]} of the optimizer is empty, and names have the prefix _orig_mod. ({names[0]})"


def checkpoint_with_other_names(model, checkpoint):
    """Count the keys of a checkpoint that the model knows, as they are and without the prefix of torch.compile."""
    known = set(model.state_dict())
    fits = len(known & set(checkpoint))
    stripped = {key.replace("_orig_mod.", "") for key in checkpoint}
    plain = {key.replace("_orig_mod.", "") for key in known}
    if fits < len(known) and len(plain & stripped) > fits:
        return f"{fits} of {len(known)} keys fit, and {len(plain & stripped)} without the prefix _orig_mod."
