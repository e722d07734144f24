"""Weight normalization of every layer, with the first values of its gains and biases measured on a batch.

Source: Salimans and Kingma, "Weight Normalization: A Simple Reparameterization to Accelerate Training of Deep Neural
Networks", 2016.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def normalize_weights_(model: nn.Module) -> None:
    """Split each linear and convolutional layer's weight into gain and direction; make the optimizer afterwards."""
    for module in model.modules():
        if isinstance(module, LAYERS):
            weight_norm(module)


@torch.no_grad()
def initialize_(model: nn.Module, x: Tensor) -> None:
    """Set gains and biases so that on this batch each unit's output has mean 0 and standard deviation 1.

    Args:
        model: after ``normalize_weights_``; its layers have biases and run one after the other.
        x: a batch of some hundred inputs.
    """

    def measure(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        channel = output.dim() - 1 if isinstance(layer, nn.Linear) else 1
        per_unit = output.movedim(channel, 0).flatten(1)  # (units, everything else)
        mean, std = per_unit.mean(dim=1), per_unit.std(dim=1) + 1e-8
        gain = layer.get_parameter("parametrizations.weight.original0")
        gain.div_(std.view_as(gain))
        layer.get_parameter("bias").sub_(mean).div_(std)
        shape = [-1 if dim == channel else 1 for dim in range(output.dim())]
        return (output - mean.view(shape)) / std.view(shape)

    hooks = [m.register_forward_hook(measure) for m in model.modules() if isinstance(m, LAYERS)]
    try:
        model(x)
    finally:
        for hook in hooks:
            hook.remove()


def fold_(model: nn.Module) -> None:
    """Put gain and direction back into one weight, for export; the outputs stay as they are."""
    for module in model.modules():
        if isinstance(module, LAYERS) and parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(2, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 4))
    x = 5 + 3 * torch.randn(256, 2, 8)
    normalize_weights_(model)
    print(f"before: mean {model(x).mean().item():.2f}  standard deviation {model(x).std(dim=0).mean().item():.2f}")
    initialize_(model, x)
    print(
        f"after:  mean {model(x).mean().abs().item():.2f}  standard deviation {model(x).std(dim=0).mean().item():.2f}"
    )
    trained = model(x)
    fold_(model)
    print(f"folded back: {(model(x) - trained).abs().max().item() < 1e-5}")
