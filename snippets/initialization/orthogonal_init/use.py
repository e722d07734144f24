"""Orthogonal initialization: a weight whose singular values are all equal, for plain layers and for recurrent ones.

Source: Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks", 2013.
"""

import math

import torch
from torch import Tensor, nn


def orthogonal_init_std(shape: tuple[int, ...], gain: float = 1.0) -> float:
    """Root mean square of the entries: gain / sqrt(max(rows, columns)) of the weight as a matrix (out, in * kernel)."""
    return gain / math.sqrt(max(shape[0], math.prod(shape[1:])))


@torch.no_grad()
def orthogonal_init_(tensor: Tensor, gain: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Fill a weight in place with a random (semi-)orthogonal matrix times ``gain``, in any dtype and memory format.

    Args:
        tensor: weight, (out, in, *kernel); a kernel is flattened into the columns.
        gain: every singular value of the result.
        generator: source of randomness; torch's default one if None.

    Raises:
        ValueError: for fewer than two dimensions.
    """
    # torch's function takes neither 16 bits, for which there is no QR, nor channels_last: draw elsewhere and copy
    dtype = torch.float64 if tensor.dtype == torch.float64 else torch.float32
    drawn = torch.empty(tensor.shape, dtype=dtype, device=tensor.device)
    return tensor.copy_(nn.init.orthogonal_(drawn, gain, generator=generator))


def init_recurrent(rnn: nn.RNNBase) -> None:
    """Make the hidden-to-hidden matrix of every gate orthogonal; the gates of GRU and LSTM lie in one weight."""
    for name, weight in rnn.named_parameters():
        if name.startswith("weight_hh"):
            for gate in weight.split(rnn.hidden_size):  # each (hidden, hidden)
                orthogonal_init_(gate)


if __name__ == "__main__":
    torch.manual_seed(0)
    weight = orthogonal_init_(torch.empty(100, 300))
    print(f"singular values between {torch.linalg.svdvals(weight).min():.3f}", end=" ")
    print(f"and {torch.linalg.svdvals(weight).max():.3f}")
    x = torch.randn(8, 256)  # (batch, features)
    y = x
    for _ in range(50):
        y = y @ orthogonal_init_(torch.empty(256, 256)).T
    print(f"length after 50 linear layers, relative to the input's: {(y.norm(dim=1) / x.norm(dim=1)).mean():.3f}")
    lstm = nn.LSTM(32, 64)
    init_recurrent(lstm)
    gate = dict(lstm.named_parameters())["weight_hh_l0"][:64]
    print(f"singular values of a gate of the LSTM: {torch.linalg.svdvals(gate).min():.3f} and up")
