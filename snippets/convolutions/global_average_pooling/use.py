"""A classifier's head with global average pooling, which takes maps of any size and can show where a class was seen.

Source: Lin et al., "Network In Network", 2013, section 3.2;
Zhou et al., "Learning Deep Features for Discriminative Localization", 2015, section 2
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class GlobalHead(nn.Module):
    """Averages each channel over the map, then one linear layer.

    Args:
        channels: channels of the map.
        classes: number of classes.
        dropout: share of the averages that is set to 0 in training.
    """

    def __init__(self, channels: int, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout, self.linear = nn.Dropout(dropout), nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, logits (batch, classes) out; any height and width."""
        return self.linear(self.dropout(x.mean(dim=(2, 3))))

    def class_maps(self, x: Tensor) -> Tensor:
        """(batch, classes, height, width): each place's part of each logit; their means are the logits."""
        return F.conv2d(x, self.linear.weight[:, :, None, None], self.linear.bias)


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Mean over the real pixels alone, for images of several sizes that were padded to one.

    Args:
        x: maps (batch, channels, height, width).
        mask: 1 for a real pixel of the map and 0 for padding, (batch, 1, height, width).
    """
    return (x * mask).sum(dim=(2, 3)) / mask.sum(dim=(2, 3)).clamp(min=1)


if __name__ == "__main__":
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU())
    head = GlobalHead(64, 10)
    for size in (32, 57):
        print(f"image of {size} pixels: logits {tuple(head(body(torch.rand(8, 3, size, size))).shape)}")
    x = body(torch.rand(8, 3, 32, 32))
    same = torch.allclose(head.class_maps(x).mean(dim=(2, 3)), head(x), atol=1e-6)
    print(f"the logits are the means of the class maps: {same}")
