"""Whether an initialization took effect: call these before training, with the function that is handed to apply()."""

import copy

import torch
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrize


def matrices_that_init_leaves(model, init):
    """Apply the function to a copy with other weights, and list those that it leaves while it changes others."""
    before, after, _ = weights_before_and_after(model, init, changed=True)
    matrices = {name: weight for name, weight in before.items() if weight.dim() > 1}
    same = [n for n, weight in matrices.items() if torch.equal(weight, after[n])]
    if same and len(same) < len(matrices):
        return f"init leaves {len(same)} of {len(matrices)} weights as they are: {', '.join(same[:3])}"


def weights_unlike_a_new_init(model, init):
    """Apply the function to a copy and list the weights whose standard deviation it changes by more than 30%."""
    before, after, _ = weights_before_and_after(model, init)
    for name, weight in before.items():
        if weight.dim() < 2 or weight.numel() < 2 or torch.equal(weight, after[name]):
            continue
        now, new = weight.std().item(), after[name].std().item()
        if differ(now, new, weight.numel()):
            return f"{name} has std {now:.4f}, and {new:.4f} after init: it was overwritten, or init never ran"


def layers_where_init_fails(model, init):
    """Apply the function to a copy of each layer alone, and name the first one that has no bias and stops it."""
    for name, module in model.named_modules():
        absent = [key for key, value in module._parameters.items() if value is None]
        error = applied(copied(module), init, deep=False) if absent else None
        if "NoneType" in str(error):
            return f"init stops at layer {name} ({type(module).__name__}), whose {' and '.join(absent)} is None"


def init_that_changes_nothing(model, init):
    """Apply the function to a copy with other weights and ask whether any parameter at all has changed."""
    before, after, error = weights_before_and_after(model, init, changed=True)
    if (
        before
        and not error
        and all(torch.equal(old, after[n]) for n, old in before.items())
    ):
        return (
            f"init changes 0 of {len(before)} parameters: it does not write into them"
        )


def weights_that_are_computed(model, init):
    """List layers whose weight is computed from other parameters, and that would be others if init had reached it."""
    found = []
    for name, module in model.named_modules():
        parametrized = parametrize.is_parametrized(module, "weight")
        if parametrized or isinstance(vars(module).get("weight"), torch.Tensor):
            lone = copied(module)  # in training, spectral_norm iterates at each access
            numbers = lone.weight.numel()
            # spectral_norm and weight_norm keep what they were given in a parameter of the same shape
            kept = [p for p in lone.parameters() if p.shape == lone.weight.shape]
            stds = [lone.weight.std().item(), *(p.std().item() for p in kept)]
            with (
                parametrize.cached()
            ):  # keeps what init writes until the end of this block
                applied(lone, init)
                new = lone.weight.std().item()
            if all(differ(now, new, numbers) for now in stds):
                found.append(name)
    if found:
        return f"{len(found)} weight(s) are computed from other parameters, init was lost: layers {', '.join(found[:3])}"


def differ(now, new, numbers):
    """Whether two standard deviations differ by more than 30% and more than the chance of few numbers explains."""
    return abs(now - new) > (0.3 + 4 / (2 * numbers) ** 0.5) * max(now, new)


def weights_before_and_after(model, init, changed=False):
    """Parameters of a copy by name, changed or not, the same after the function, and the error that stopped it."""
    twin = copied(model)
    for weight in twin.parameters():
        if changed and not is_lazy(weight) and weight.is_floating_point():
            weight.data.mul_(1.5).add_(0.1)
    before = {
        n: w.detach().clone() for n, w in twin.named_parameters() if not is_lazy(w)
    }
    error = applied(twin, init)
    after = dict(twin.named_parameters())
    return before, {name: after[name].detach() for name in before}, error


def copied(model):
    """Copy a model; results of a forward pass that it keeps, which deepcopy refuses, are copied as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(model, {id(v): v.detach().clone() for v in results})


def applied(model, init, deep=True):
    """Apply the function; the random state is set back. Returns the error that stopped it, if one did."""
    with torch.random.fork_rng():
        try:
            model.apply(init) if deep else init(model)
        except Exception as error:
            return error
