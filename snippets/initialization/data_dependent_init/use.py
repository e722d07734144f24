"""Data-dependent initialization: unit variance for every channel, then equal rates of change for all layers.

Source: Krähenbühl et al., "Data-dependent Initializations of Convolutional Neural Networks", 2015.
"""

import torch
from torch import Tensor, nn


@torch.no_grad()
def normalize_channels(model: nn.Sequential, x: Tensor, mean: float = 0.0) -> nn.Sequential:
    """Scale each channel of each layer, in place, to variance 1 and ``mean`` on the batch ``x``.

    Args:
        model: layers in order; each ``nn.Linear`` and ``nn.Conv2d`` has a bias.
        x: one batch of real, preprocessed inputs, with at least a few hundred values for each channel.
        mean: target of each channel's mean; a little above 0 keeps ReLUs alive.

    Raises:
        ValueError: if a channel is constant on the batch, or a layer has no bias.
    """
    for layer in model:
        if isinstance(layer, nn.Linear | nn.Conv2d):
            if layer.bias is None:
                raise ValueError("a layer without bias cannot have its mean set")
            nn.init.zeros_(layer.bias)
            values = layer(x).movedim(-1 if isinstance(layer, nn.Linear) else 1, 0).flatten(1)  # (channels, positions)
            std, center = values.std(1, correction=0), values.mean(1)
            if not bool((std > 0).all()):
                raise ValueError("a channel is constant on the batch")
            layer.weight.div_(std.view(-1, *[1] * (layer.weight.dim() - 1)))
            layer.bias.copy_(mean - center / std)
        x = layer(x)
    return model


def change_rates(model: nn.Module, loss: Tensor) -> list[float]:
    """Root mean square of each weight's gradient over that of the weight, in the order of ``model.parameters()``."""
    weights = [p for p in model.parameters() if p.dim() > 1]
    gradients = torch.autograd.grad(loss, weights)
    return [(g.norm() / w.norm()).item() for g, w in zip(gradients, weights, strict=True)]


def equalize_rates(model: nn.Sequential, loss: Tensor) -> nn.Sequential:
    """Give all layers the same rate, in place, without changing the function.

    Layer k is multiplied by s_k = sqrt(rate_k / geometric mean), so the product of all s_k is 1; biases take the
    product up to their layer. Exact if all between the layers is positively homogeneous: ReLU, leaky ReLU, pooling.

    Raises:
        ValueError: for any other module than Linear, Conv2d, ReLU, LeakyReLU, Flatten and the poolings MaxPool2d,
            AvgPool2d and AdaptiveAvgPool2d; if a layer gets no gradient, or one that is not finite.
    """
    allowed = (
        nn.Linear,
        nn.Conv2d,
        nn.ReLU,
        nn.LeakyReLU,
        nn.MaxPool2d,
        nn.AvgPool2d,
        nn.AdaptiveAvgPool2d,
        nn.Flatten,
    )
    for module in model:
        if not isinstance(module, allowed):
            raise ValueError(f"{type(module).__name__} is not positively homogeneous")
    rates = torch.tensor(change_rates(model, loss), dtype=torch.float64, device="cpu")
    if not bool((rates > 0).all() and rates.isfinite().all()):
        raise ValueError("a layer has no gradient, or one that is not finite")
    factors = (rates / rates.log().mean().exp()).sqrt().tolist()
    product = 1.0
    layers = [layer for layer in model if isinstance(layer, nn.Linear | nn.Conv2d)]
    with torch.no_grad():
        for layer, factor in zip(layers, factors, strict=True):
            product *= factor
            layer.weight.mul_(factor)
            if layer.bias is not None:
                layer.bias.mul_(product)
    return model


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = 100 * torch.rand(256, 3, 12, 12), torch.randint(10, (256,))  # (batch, channels, height, width)
    layers: list[nn.Module] = [nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3)]
    model = nn.Sequential(*layers, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))
    normalize_channels(model, x)
    print(f"standard deviation of the logits: {model(x).std():.2f}")
    for step in ("before", "after"):
        rates = change_rates(model, nn.functional.cross_entropy(model(x), y))
        print(f"largest over smallest rate {step}: {max(rates) / min(rates):.2f}")
        if step == "before":
            equalize_rates(model, nn.functional.cross_entropy(model(x), y))
