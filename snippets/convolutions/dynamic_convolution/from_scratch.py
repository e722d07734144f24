"""Dynamic convolution sample by sample: an attention over kernels, one averaged kernel, one ordinary convolution.

Source: Chen et al., "Dynamic Convolution: Attention over Convolution Kernels", 2019, section 3, equations 2 and 3
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def attention(x: Tensor, first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Shares of the kernels, (kernels,), from the channel means of one sample.

    Args:
        x: the sample (channels, height, width).
        first: (hidden, channels).
        second: (kernels, hidden).
        temperature: by which the logits are divided.
    """
    logits = second @ (first @ x.mean(dim=(1, 2))).relu() / temperature
    raised = (logits - logits.max()).exp()
    return raised / raised.sum()


def dynamic_conv2d(x: Tensor, shares: Tensor, kernels: Tensor, biases: Tensor, stride: int = 1) -> Tensor:
    """(batch, channels, height, width) in; each sample is convolved with its own average of the kernels.

    Args:
        x: the maps.
        shares: (batch, kernels), each row with a sum of 1.
        kernels: (kernels, out, channels, k, k), odd k; the padding is half of it.
        biases: (kernels, out).
        stride: of the convolution.
    """
    outputs = []
    for sample, share in zip(x, shares, strict=True):
        kernel = sum(s * k for s, k in zip(share, kernels, strict=True))
        bias = sum(s * b for s, b in zip(share, biases, strict=True))
        outputs.append(F.conv2d(sample[None], kernel, bias, stride, kernels.shape[-1] // 2))
    return torch.cat(outputs)


if __name__ == "__main__":
    torch.manual_seed(0)
    x, kernels, biases = torch.randn(3, 6, 8, 8), torch.randn(4, 5, 6, 3, 3), torch.randn(4, 5)
    chosen = torch.tensor([2, 0, 3])
    y = dynamic_conv2d(x, F.one_hot(chosen, 4).float(), kernels, biases)
    expected = torch.cat([F.conv2d(s[None], kernels[i], biases[i], padding=1) for s, i in zip(x, chosen, strict=True)])
    print(f"attention on one kernel is that kernel's convolution, difference: {(y - expected).abs().max().item():.0e}")
    share = attention(x[0], torch.randn(8, 6), torch.randn(4, 8), temperature=1.0)
    print(f"the shares sum to {share.sum().item():.3f}")
