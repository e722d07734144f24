"""A causal convolution as a sum of delayed copies of its input, and the same computed one step at a time.

Source: van den Oord et al., "WaveNet: A Generative Model for Raw Audio", 2016, section 2.1
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def causal_conv(x: Tensor, weight: Tensor, dilation: int = 1) -> Tensor:
    """y[t] = sum of weight[i] x[t - (k - 1 - i) dilation], with zeros before the first step.

    Args:
        x: (batch, channels, steps).
        weight: (outputs, channels, kernel size); its last place belongs to the present step.
        dilation: steps from one input of an output to the next.
    """
    steps, size = x.shape[2], weight.shape[2]
    y = x.new_zeros(x.shape[0], weight.shape[0], steps)
    for i in range(size):
        delay = min((size - 1 - i) * dilation, steps)
        delayed = F.pad(x[:, :, : steps - delay], (delay, 0))
        y = y + torch.einsum("oc,bct->bot", weight[:, :, i], delayed)
    return y


def step(x: Tensor, memory: Tensor, weight: Tensor, dilation: int = 1) -> tuple[Tensor, Tensor]:
    """The output for one new input, and the memory for the next step.

    Args:
        x: (batch, channels), the new input.
        memory: (batch, channels, (k - 1) dilation), the inputs before it, the oldest first; zeros at the start.
        weight: (outputs, channels, k).
        dilation: steps from one input of an output to the next.
    """
    window = torch.cat([memory, x[:, :, None]], dim=2)
    return torch.einsum("oci,bci->bo", weight, window[:, :, ::dilation]), window[:, :, 1:]


if __name__ == "__main__":
    torch.manual_seed(0)
    x, weight = torch.randn(2, 3, 20), torch.randn(4, 3, 3)
    ours, reference = causal_conv(x, weight, 2), F.conv1d(F.pad(x, (4, 0)), weight, dilation=2)
    memory, outputs = torch.zeros(2, 3, 4), []
    for t in range(20):
        y, memory = step(x[:, :, t], memory, weight, dilation=2)
        outputs.append(y)
    for name, other in {"all at once": ours, "step by step": torch.stack(outputs, dim=2)}.items():
        print(f"{name}: largest difference to torch below 1e-5: {(other - reference).abs().max().item() < 1e-5}")
