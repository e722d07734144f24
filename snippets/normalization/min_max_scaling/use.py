"""Inputs between -1 and 1: by the known bounds of an image's type, or by the bounds measured on the training set.

Source: LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, section 4.3
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def scale_image(x: Tensor) -> Tensor:
    """Images of uint8 or uint16 as float32 between -1 and 1; no statistics are needed.

    Raises:
        TypeError: for another type, whose bounds are not those of the image.
    """
    if x.dtype not in (torch.uint8, torch.uint16):
        raise TypeError(f"{x.dtype} has no bounds to scale by: give the uint8 or uint16 that were read from the file")
    return x.float() / torch.iinfo(x.dtype).max * 2 - 1


class MinMax(nn.Module):
    """Each feature's training range becomes -1 to 1; the bounds are saved with the model.

    Args:
        low: smallest values of the training set, (features,).
        high: largest values, (features,).
        clip: hold values that lie outside the training range at -1 and 1.
    """

    low: Tensor
    high: Tensor

    def __init__(self, low: Tensor, high: Tensor, clip: bool = False) -> None:
        super().__init__()
        self.clip = clip
        self.register_buffer("low", low)
        self.register_buffer("high", high)

    @classmethod
    def fit(cls, x: Tensor, clip: bool = False) -> MinMax:
        """Bounds of the training set x, (samples, features).

        Raises:
            ValueError: when a number is NaN or infinite.
        """
        if not x.isfinite().all():
            raise ValueError("x holds NaN or inf: replace them before the bounds are measured")
        low, high = x.detach().aminmax(dim=0)
        return cls(low, high, clip)

    def forward(self, x: Tensor) -> Tensor:
        """Scaled x; a feature that never changed in training is only shifted."""
        width = torch.where(self.high > self.low, self.high - self.low, 2.0)
        z = 2 * (x - self.low) / width - (self.high > self.low).to(x.dtype)
        return z.clamp(-1, 1) if self.clip else z

    def inverse(self, z: Tensor) -> Tensor:
        """What ``forward`` made z from, where it clipped nothing."""
        width = torch.where(self.high > self.low, self.high - self.low, 2.0)
        return (z + (self.high > self.low).to(z.dtype)) * width / 2 + self.low


if __name__ == "__main__":
    for dtype in (torch.uint8, torch.uint16):
        image = torch.tensor([0, torch.iinfo(dtype).max // 2, torch.iinfo(dtype).max], dtype=dtype)
        print(f"{dtype}: {image.tolist()} become {[round(v, 2) for v in scale_image(image).tolist()]}")
    x_train = torch.tensor([[20.0, 1e5, 7.0], [30.0, 3e5, 7.0], [60.0, 2e5, 7.0]])
    model = nn.Sequential(MinMax.fit(x_train), nn.Linear(3, 1))
    print(f"a table: {[[round(v, 2) for v in row] for row in model[0](x_train).tolist()]}")
