"""DropBlock square by square.

Source: Ghiasi et al., "DropBlock: A regularization method for convolutional networks", 2018, algorithm 1
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def drop_block(x: Tensor, p: float, size: int) -> Tensor:
    """x, (batch, channel, height, width), with squares of side ``size`` set to zero and the rest enlarged."""
    height, width = x.shape[2:]
    corners = (height - size + 1, width - size + 1)  # places at which a square fits
    gamma = p * height * width / size**2 / (corners[0] * corners[1])
    seeds = torch.empty(*x.shape[:2], *corners).bernoulli_(gamma)
    kept = torch.ones_like(x)
    for n, c, top, left in seeds.nonzero().tolist():
        kept[n, c, top : top + size, left : left + size] = 0
    return x * kept * kept.numel() / kept.sum()


def with_pooling(x: Tensor, p: float, size: int) -> Tensor:
    """The same as a max pooling of the seeds, as libraries do it."""
    height, width = x.shape[2:]
    seeds = torch.empty(*x.shape[:2], height - size + 1, width - size + 1)
    seeds.bernoulli_(p * height * width / size**2 / seeds[0, 0].numel())
    kept = 1 - F.max_pool2d(nn.ZeroPad2d(size - 1)(seeds), size, stride=1)
    return x * kept * kept.numel() / kept.sum()


if __name__ == "__main__":
    x, outputs = torch.randn(16, 8, 10, 12), []
    for function in (drop_block, with_pooling):
        torch.manual_seed(0)
        outputs.append(function(x, 0.2, 5))
    print(f"differs from max pooling by less than 1e-6: {(outputs[0] - outputs[1]).abs().max().item() < 1e-6}")
