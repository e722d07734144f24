"""Inputs with mean 0 and standard deviation 1: measured on the training set, kept in the model and saved with it.

Source: LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, section 4.3
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Standardize(nn.Module):
    """``(x - mean) / std`` for each feature or channel, as the first layer of a model.

    Args:
        mean: what is subtracted, (features,).
        std: what is divided by, (features,); above 0.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)  # buffers: moved by .to(device), saved by state_dict, not trained
        self.register_buffer("std", std)

    @classmethod
    def fit(cls, x: Tensor) -> Standardize:
        """Measure mean and standard deviation of the training set.

        Args:
            x: (samples, features) or (samples, channels, …); a feature that never changes gets the std 1.

        Raises:
            ValueError: when a number is NaN or infinite; the message names the features.
        """
        features = x.detach().double().transpose(0, 1).flatten(1)  # (features, all other dimensions)
        bad = (~features.isfinite()).any(dim=1).nonzero().flatten().tolist()
        if bad:
            raise ValueError(f"features {bad} hold NaN or inf: replace them before their statistics are measured")
        std = features.std(dim=1, correction=0)
        std[features.amin(dim=1) == features.amax(dim=1)] = 1.0
        return cls(features.mean(dim=1).float(), std.float())

    def forward(self, x: Tensor) -> Tensor:
        """Standardized x, of the same shape; integers become float32."""
        shape = (-1,) + (1,) * (x.dim() - 2)
        return (x - self.mean.view(shape)) / self.std.view(shape)

    def inverse(self, z: Tensor) -> Tensor:
        """What ``forward`` made z from."""
        shape = (-1,) + (1,) * (z.dim() - 2)
        return z * self.std.view(shape) + self.mean.view(shape)


if __name__ == "__main__":
    torch.manual_seed(0)
    x_train = torch.randn(500, 3) * torch.tensor([0.01, 1.0, 200.0]) + torch.tensor([5.0, 0.0, 1000.0])
    model = nn.Sequential(Standardize.fit(x_train), nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 1))
    z = model[0](x_train)
    print(f"largest mean {z.mean(dim=0).abs().max().item():.3f}, standard deviations {z.std(dim=0).mean().item():.2f}")
    images = torch.randint(256, (16, 3, 8, 8), dtype=torch.uint8)
    print(f"uint8 images become {Standardize.fit(images)(images).dtype}")
    print(f"saved with the model: {[name for name in model.state_dict() if name.startswith('0.')]}")
