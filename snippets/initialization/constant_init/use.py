"""Constant initialization: biases, gains and gates that start at a value with a meaning.

Source: torch.nn.init.constant_; the negative gate bias is Srivastava et al., "Highway Networks", 2015.
"""

import math

import torch
from torch import Tensor, nn


def constant_(tensor: Tensor, value: float = 0.0, generator: torch.Generator | None = None) -> Tensor:
    """Fill a bias, gain or other parameter in place with one number.

    Args:
        tensor: any shape; for the weight of a hidden layer a constant is wrong, its units would start equal.
        value: 0 for biases, 1 for gains of normalization layers, ``gate_bias`` for gates.
        generator: not used; all initializers of this guide are called alike.

    Returns:
        ``tensor``.
    """
    return nn.init.constant_(tensor, value)


def constant_std(shape: tuple[int, ...], value: float = 0.0) -> float:
    """Standard deviation of a constant: 0."""
    return 0.0


def gate_bias(open_share: float) -> float:
    """Bias at which a sigmoid gate starts ``open_share`` open: log(p / (1 - p)).

    Args:
        open_share: between 0 and 1, both excluded.

    Raises:
        ValueError: for a share that no finite bias gives.
    """
    if not 0 < open_share < 1:
        raise ValueError(f"open_share must lie strictly between 0 and 1, got {open_share}")
    return math.log(open_share / (1 - open_share))


@torch.no_grad()
def set_forget_bias(lstm: nn.LSTM, value: float = 1.0) -> None:
    """Set the forget gates' bias and make all others zero; torch adds two biases per gate, so one of them is zero.

    Args:
        lstm: any number of layers and directions; gates are stacked in the order input, forget, cell, output.
        value: total bias of the forget gate.
    """
    for name, parameter in lstm.named_parameters():
        if "bias" in name:
            nn.init.zeros_(parameter)
            if "bias_ih" in name:
                constant_(parameter[lstm.hidden_size : 2 * lstm.hidden_size], value)


if __name__ == "__main__":
    norm = nn.LayerNorm(8)
    constant_(norm.weight, 1.0)
    print("gain of a norm", norm.weight.unique().tolist(), "shift", norm.bias.unique().tolist())
    gate = nn.Linear(8, 8)
    constant_(gate.bias, gate_bias(0.02))
    print(f"gate bias for 2% open {gate.bias[0]:.2f}, sigmoid {torch.sigmoid(gate.bias[0]):.2f}")
    lstm = nn.LSTM(4, 3)
    set_forget_bias(lstm)
    biases = sum(p.detach() for name, p in lstm.named_parameters() if "bias" in name)
    print("LSTM biases of the first unit's gates i, f, g, o:", torch.as_tensor(biases)[::3].tolist())
