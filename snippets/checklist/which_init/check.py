"""Ask a network before its training what its initialization does; fresh is the model as it was built."""

import torch
from torch import nn

LAYERS = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d


def listen(fresh, inputs, note):
    """Tell note each layer's name, the layer, its input and output, in one forward pass in eval mode."""

    def heard(layer, given, output):
        note(names[layer], layer, given[0].detach(), output.detach())

    names = {m: name for name, m in fresh.named_modules() if isinstance(m, LAYERS)}
    hooks = [layer.register_forward_hook(heard) for layer in names]
    modes = {module: module.training for module in fresh.modules()}
    fresh.eval()
    try:
        with torch.no_grad():
            fresh(inputs)
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes.items():
            module.training = mode


def measured(fresh, inputs):
    """Size of each layer's output, and its weights' gain: 1 is 1/sqrt(fan-in); costs a forward pass."""
    sizes, gains = [], []

    def note(_, layer, __, output):
        fan_in = layer.weight[0].numel()
        sizes.append(output.float().square().mean().sqrt().item())
        gains.append((layer.weight.detach().std() * fan_in**0.5).item())

    listen(fresh, inputs, note)
    return sizes, sorted(gains)[len(gains) // 2]


def weights_too_large(fresh, inputs):
    """Ask whether weights above every gain that an activation needs make the signal grow."""
    sizes, gain = measured(fresh, inputs)
    if gain > 1.8 and sizes[-1] > 100 * sizes[0]:
        return (
            f"the signal grows from {sizes[0]:.2g} to {sizes[-1]:.2g} over {len(sizes)} layers: the "
            f"weights are {gain:.1f} times 1/sqrt(fan-in), and 1.4 is right for ReLU"
        )


def weights_too_small(fresh, inputs):
    """Ask whether weights below every gain that an activation needs make the signal vanish."""
    sizes, gain = measured(fresh, inputs)
    if gain < 0.5 and sizes[-1] < 0.01 * sizes[0]:
        return (
            f"the signal falls from {sizes[0]:.2g} to {sizes[-1]:.2g} over {len(sizes)} layers: the "
            f"weights are {gain:.2f} times 1/sqrt(fan-in), and 1.4 is right for ReLU"
        )


def gain_of_another_activation(fresh, inputs):
    """Ask whether a ReLU network has the gain of tanh, or the default of torch, and loses a factor in each layer."""
    sizes, gain = measured(fresh, inputs)
    rectified = any(isinstance(m, nn.ReLU | nn.LeakyReLU) for m in fresh.modules())
    if rectified and 0.5 <= gain < 1.25 and sizes[-1] < 0.1 * sizes[0]:
        factor = (sizes[-1] / sizes[0]) ** (1 / (len(sizes) - 1))
        return (
            f"the signal falls by the factor {factor:.2f} in each of {len(sizes)} layers: the weights "
            f"are {gain:.2f} times 1/sqrt(fan-in), and ReLU needs 1.41"
        )


def branches_that_add_up(fresh, inputs):
    """Ask whether the signal grows although the weights have a usual size, as in a sum of residual branches."""
    sizes, gain = measured(fresh, inputs)
    if gain <= 1.8 and sizes[-1] > 100 * sizes[0]:
        return (
            f"the signal grows from {sizes[0]:.2g} to {sizes[-1]:.2g} over {len(sizes)} layers, with "
            f"weights of {gain:.2f} times 1/sqrt(fan-in): the branches add up"
        )


def units_that_start_equal(fresh, inputs):
    """Look for layers whose units are equal; zeros count only if samples are equal at the last layer's input."""
    layers = [(n, m) for n, m in fresh.named_modules() if isinstance(m, LAYERS)]
    last = {}
    listen(
        fresh, inputs, lambda name, _, given, __: last.update(name=name, given=given)
    )
    zeros_matter = bool((last["given"] == last["given"][:1]).all())
    hidden = [
        name
        for name, layer in layers
        if (layer.weight == layer.weight[:1]).all()
        and (layer.weight.any() or zeros_matter)
        and name != last["name"]  # a last layer of zeros is harmless
    ]
    if hidden:
        return f"all units have the same weights in {len(hidden)} hidden layers, the first is {hidden[0]}"
