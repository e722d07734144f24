"""What happens to a signal on its way through a deep network: call these with the untrained model and a batch."""

import torch
from torch import nn

LAYERS = (nn.Linear, nn.modules.conv._ConvNd)
NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)


def weights_that_shrink(untrained):
    """Multiply the factors by which plain ReLU layers scale a signal: each is std(w) * sqrt(fan_in / 2)."""
    factors = scales(untrained)
    product = float(torch.tensor(factors).prod()) if factors else 1.0
    if product < 0.01:
        return f"{len(factors)} layers scale a signal by {product ** (1 / len(factors)):.2f} each, by {product:.0e} in all"


def weights_that_enlarge(untrained):
    """Multiply the factors by which plain ReLU layers scale a signal: each is std(w) * sqrt(fan_in / 2)."""
    factors = scales(untrained)
    product = float(torch.tensor(factors).prod()) if factors else 1.0
    if product > 100:
        return f"{len(factors)} layers scale a signal by {product ** (1 / len(factors)):.2f} each, by {product:.0e} in all"


def slopes_of_activations(untrained, inputs):
    """Multiply the mean slopes of sigmoid and tanh modules: one forward pass."""
    slopes = []

    def look(module, args, output):
        slopes.append(
            (
                output * (1 - output)
                if isinstance(module, nn.Sigmoid)
                else 1 - output.square()
            )
            .mean()
            .item()
        )

    outputs_of(untrained, inputs, look, (nn.Sigmoid, nn.Tanh))
    product = float(torch.tensor(slopes).prod()) if slopes else 1.0
    if product < 0.01:
        return f"the slopes of {len(slopes)} activations multiply to {product:.0e}: so much of the gradient is left"


def samples_that_become_alike(untrained, inputs):
    """Compare the directions of different samples behind the first and before the last layer: one forward pass."""
    cosines = []

    def look(module, args, output):
        rows = nn.functional.normalize(
            args[0].flatten(1) + 1e-12, dim=1
        )  # rows of zeros are alike, too
        cosines.append(
            (rows @ rows.T)[~torch.eye(len(rows), dtype=torch.bool)].mean().item()
        )

    outputs_of(untrained, inputs, look, LAYERS)
    if len(cosines) > 2 and cosines[-1] > 0.98 > cosines[0]:
        return f"mean cosine between samples: {cosines[0]:.2f} before the first layer, {cosines[-1]:.4f} before the last"


def scales(model):
    """The factors of all hidden layers, those with a normalization anywhere left out."""
    layers = [module for module in model.modules() if isinstance(module, LAYERS)][1:-1]
    if any(isinstance(module, NORMS) for module in model.modules()):
        return []
    return [
        float(layer.weight.detach().std()) * (layer.weight[0].numel() / 2) ** 0.5
        for layer in layers
    ]


def outputs_of(model, inputs, look, kinds):
    """Run one forward pass in evaluation mode with a hook on modules of some kinds; modes are set back."""
    modes = [(module, module.training) for module in model.modules()]
    hooks = [
        module.register_forward_hook(look)
        for module in model.modules()
        if isinstance(module, kinds)
    ]
    model.eval()
    with torch.no_grad():
        model(inputs)
    for hook in hooks:
        hook.remove()
    for module, training in modes:
        module.training = training
