"""CondConv in its two forms: mix the outputs of all experts, or mix their kernels and convolve once.

Source: Yang et al., "CondConv: Conditionally Parameterized Convolutions for Efficient Inference", 2019, section 3
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def mix_outputs(x: Tensor, share: Tensor, kernels: Tensor, **settings: Any) -> Tensor:
    """What a mixture of experts does: every expert convolves every sample, and the results are added up.

    Args:
        x: (batch, in_channels, height, width).
        share: (batch, experts), the weight of each expert for each sample.
        kernels: (experts, out_channels, in_channels / groups, height, width).
        settings: stride, padding, dilation and groups, as of ``conv2d``.
    """
    outputs = torch.stack([F.conv2d(x, kernel, **settings) for kernel in kernels])
    return torch.einsum("be,ebchw->bchw", share, outputs)


def mix_kernels(x: Tensor, share: Tensor, kernels: Tensor, **settings: Any) -> Tensor:
    """The same with one convolution a sample; arguments as of :func:`mix_outputs`."""
    own = torch.einsum("be,eoikl->boikl", share, kernels)
    return torch.cat([F.conv2d(sample[None], kernel, **settings) for sample, kernel in zip(x, own, strict=True)])


if __name__ == "__main__":
    torch.manual_seed(0)
    x, kernels = torch.randn(5, 6, 9, 9), torch.randn(4, 8, 3, 3, 3)
    share = torch.rand(5, 4)
    both = [mix(x, share, kernels, stride=2, padding=1, groups=2) for mix in (mix_outputs, mix_kernels)]
    print(f"largest difference between the two forms: {(both[0] - both[1]).abs().max().item():.0e}")
