"""Global average pooling, and generalized-mean (GeM) pooling, which lies between the average and the maximum.

Source: Lin et al., "Network In Network", 2013, section 3.2;
Radenović et al., "Fine-tuning CNN Image Retrieval with No Human Annotation", 2017
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def global_average(x: Tensor) -> Tensor:
    """(batch, channels, *places) in, (batch, channels) out: the mean of each channel over all places."""
    return x.flatten(2).sum(dim=-1) / x[0, 0].numel()


class GeM(nn.Module):
    """(mean of x^p)^(1/p) of each channel with a p that is learned: 1 is the average, infinity the maximum.

    Args:
        p: where it starts.
        eps: smaller values count as this one, since a root of a negative value is not real.
    """

    def __init__(self, p: float = 3.0, eps: float = 1e-6) -> None:
        super().__init__()
        self.p, self.eps = nn.Parameter(torch.tensor(p)), eps

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, channels) out."""
        return x.clamp(min=self.eps).pow(self.p).mean(dim=(2, 3)).pow(1 / self.p)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.rand(4, 8, 7, 5, dtype=torch.float64)
    difference = (global_average(x) - F.adaptive_avg_pool2d(x, 1).flatten(1)).abs().max()
    print(f"largest difference to torch's adaptive_avg_pool2d below 1e-12: {difference < 1e-12}")
    for p in (1.0, 3.0, 100.0):
        y = GeM(p).double()(x)
        print(f"GeM with p = {p:g}: {y[0, 0]:.3f} (average {x[0, 0].mean():.3f}, maximum {x[0, 0].max():.3f})")
