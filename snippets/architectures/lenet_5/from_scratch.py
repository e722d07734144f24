"""LeNet-5 as the paper has it: trained subsampling, a table of connections, and distances in place of logits.

Source: LeCun et al., "Gradient-based learning applied to document recognition", 1998, section II.B and table I
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# the maps of the first layer that each of the second layer's 16 maps looks at
TABLE = ["012", "123", "234", "345", "045", "015", "0123", "1234", "2345", "0345", "0145", "0125"]
TABLE += ["0134", "1245", "0235", "012345"]


def squash(x: Tensor) -> Tensor:
    """1.7159 tanh(2/3 x), which takes 1 to about 1 and -1 to about -1."""
    return 1.7159 * torch.tanh(2 / 3 * x)


class Subsampling(nn.Module):
    """The sum of four pixels, times a trained number of the channel, plus another; half the height and width."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels, 1, 1), 0.25))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, channels, height / 2, width / 2) out."""
        return squash(4 * F.avg_pool2d(x, 2) * self.weight + self.bias)


class LeNet5(nn.Module):
    """Squared distances of the last 84 units to a code of each class: the smallest is the answer.

    Args:
        codes: (classes, 84), -1 and 1, fixed; the paper took small pictures of the characters, here they are random.
    """

    codes: Tensor

    def __init__(self, codes: Tensor | None = None) -> None:
        super().__init__()
        self.c1, self.s2 = nn.Conv2d(1, 6, 5), Subsampling(6)
        self.c3 = nn.ModuleList(nn.Conv2d(len(maps), 1, 5) for maps in TABLE)
        self.s4, self.c5, self.f6 = Subsampling(16), nn.Conv2d(16, 120, 5), nn.Linear(120, 84)
        self.register_buffer("codes", torch.randint(2, (10, 84)).float() * 2 - 1 if codes is None else codes)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 1, 32, 32) in, (batch, classes) out."""
        x = self.s2(squash(self.c1(x)))
        maps = [conv(x[:, [int(c) for c in chosen]]) for chosen, conv in zip(TABLE, self.c3, strict=True)]
        x = squash(self.c5(self.s4(squash(torch.cat(maps, dim=1)))))
        return (squash(self.f6(x.flatten(1))).unsqueeze(1) - self.codes).square().sum(dim=2)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = LeNet5()
    print(f"trained parameters: {sum(p.numel() for p in model.parameters()):,}")
    print(f"answers: {model(torch.randn(4, 1, 32, 32)).argmin(dim=1).shape[0]} of 4 images")
