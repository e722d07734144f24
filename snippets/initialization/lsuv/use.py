"""LSUV: orthogonal weights, then each layer rescaled until its output on a real batch has variance one.

Source: Mishkin and Matas, "All you need is a good init", 2015.
"""

import torch
from torch import Tensor, nn


@torch.no_grad()
def lsuv(model: nn.Module, x: Tensor, tolerance: float = 0.1, max_iterations: int = 10) -> dict[str, float]:
    """Initialize every ``nn.Linear`` and ``nn.Conv2d`` of ``model`` in place, in the order in which they run.

    Args:
        model: any model; it is run in evaluation mode, so that dropout does not disturb the measurement.
        x: one batch of real, preprocessed inputs (a few hundred samples).
        tolerance: largest accepted difference between a layer's output variance and one.
        max_iterations: rescalings tried for one layer.

    Returns:
        The output variance of each layer, over batch, channels and positions.

    Raises:
        ValueError: if a layer's output is constant or not finite, so that no factor can help.
    """
    modes = {module: module.training for module in model.modules()}
    model.eval()
    order: list[tuple[str, nn.Linear | nn.Conv2d]] = []
    outputs: dict[str, Tensor] = {}
    hooks = []
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.init.orthogonal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)

            def record(module: nn.Linear | nn.Conv2d, _: object, output: Tensor, name: str = name) -> None:
                if name not in outputs:
                    order.append((name, module))
                outputs[name] = output

            hooks.append(module.register_forward_hook(record))
    try:
        model(x)
        variances = {}
        for name, layer in list(order):
            for _ in range(max_iterations):
                variance = outputs[name].var(correction=0).item()
                if not 0 < variance < float("inf"):
                    raise ValueError(f"the output of {name!r} has variance {variance}")
                if abs(variance - 1) < tolerance:
                    break
                layer.weight.div_(variance**0.5)
                model(x)
            variances[name] = outputs[name].var(correction=0).item()
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes.items():
            module.training = mode
    return variances


if __name__ == "__main__":
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for _ in range(20):
        layers += [nn.Linear(64, 64), nn.GELU()]
    model = nn.Sequential(*layers, nn.Linear(64, 10))
    x = torch.randn(512, 64)  # (batch, features)
    print(f"variance of the output before: {model(x).var():.3f}")
    variances = lsuv(model, x)
    print(f"layers: {len(variances)}, farthest from 1: {max(abs(v - 1) for v in variances.values()):.1f}")
