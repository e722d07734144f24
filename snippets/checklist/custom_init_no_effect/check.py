"""Whether an initialization took effect: call these before training, with the function that is handed to apply()."""

import copy

import torch
from torch.nn.utils import parametrize


def matrices_that_init_leaves(model, init):
    """Apply the function to a copy and list the weights that it leaves while it changes others."""
    before, after = weights_before_and_after(model, init)
    same = [name for name, weight in before.items() if torch.equal(weight, after[name])]
    if same and len(same) < len(before):
        return f"init leaves {len(same)} of {len(before)} weights as they are: {', '.join(same[:3])}"


def weights_unlike_a_new_init(model, init):
    """Apply the function to a copy and list the weights whose standard deviation it changes by more than 30%."""
    before, after = weights_before_and_after(model, init)
    for name, weight in before.items():
        now, new = weight.std().item(), after[name].std().item()
        if not torch.equal(weight, after[name]) and abs(now - new) > 0.3 * max(
            now, new
        ):
            return f"{name} has std {now:.4f}, and {new:.4f} after init: it was overwritten, or init never ran"


def layers_where_init_fails(model, init):
    """Apply the function to a copy of each layer alone, and name the first one that has no bias and stops it."""
    for name, module in model.named_modules():
        lone = copy.deepcopy(module)
        if (
            not list(module.children())
            and getattr(module, "bias", 0) is None
            and applied(lone, init)
        ):
            return f"init stops at layer {name} ({type(module).__name__}), whose bias is None"


def init_that_changes_nothing(model, init):
    """Apply the function to a copy and ask whether any parameter at all has changed."""
    changed = copy.deepcopy(model)
    applied(changed, init)
    pairs = list(zip(model.parameters(), changed.parameters(), strict=True))
    if pairs and all(torch.equal(old, new) for old, new in pairs):
        return f"init changes 0 of {len(pairs)} parameters: it does not write into them"


def weights_that_are_computed(model, init):
    """List layers whose weight is computed from other parameters, and that would be others if init had reached it."""
    found = []
    for name, module in model.named_modules():
        if parametrize.is_parametrized(module, "weight"):
            now, lone = module.weight.std().item(), copy.deepcopy(module)
            with (
                parametrize.cached()
            ):  # keeps what init writes until the end of this block
                applied(lone, init)
                new = lone.weight.std().item()
            if abs(now - new) > 0.3 * max(now, new):
                found.append(name)
    if found:
        return f"{len(found)} weight(s) are computed from other parameters, init was lost: layers {', '.join(found[:3])}"


def weights_before_and_after(model, init):
    """All parameters of two dimensions or more, and the same after the function was applied to a copy."""
    changed = copy.deepcopy(model)
    applied(changed, init)
    return (
        {
            name: weight.detach()
            for name, weight in one.named_parameters()
            if weight.dim() > 1
        }
        for one in (model, changed)
    )


def applied(model, init):
    """Apply the function; the random state is set back. Returns the error that stopped it, if one did."""
    with torch.random.fork_rng():
        try:
            model.apply(init)
        except AttributeError as error:
            return error
