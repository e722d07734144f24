"""A convolution that reads valid pixels only and says which of its outputs are valid; without a mask, a way to pad.

Source: Liu et al., "Image Inpainting for Irregular Holes Using Partial Convolutions", 2018, section 3.1; Liu et al.,
"Partial Convolution based Padding", 2018
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PartialConv2d(nn.Conv2d):
    """nn.Conv2d with the same arguments, for images with holes; padding is a hole whatever ``padding_mode`` says."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """The output and its mask.

        Args:
            x: (batch, channels, height, width); what stands in holes has no effect.
            mask: (batch, 1, height, width), 1 where x is valid, 0 in holes; without it, only padding is a hole.
        """
        if mask is None:
            mask = torch.ones_like(x[:, :1])
        x = torch.where(mask > 0, x, 0)  # a product would keep nan and infinity in holes
        window = torch.ones_like(self.weight[:1, :1])
        valid = F.conv2d(mask, window, None, self.stride, self.padding, self.dilation)  # pixels of each window
        y = F.conv2d(x, self.weight, None, self.stride, self.padding, self.dilation, self.groups)
        y = y * (window.numel() / valid.clamp(min=1))
        if self.bias is not None:
            y = y + self.bias[:, None, None]
        reached = (valid > 0).to(x.dtype)
        return y * reached, reached


if __name__ == "__main__":
    torch.manual_seed(0)
    x, mask = torch.rand(1, 3, 16, 16), torch.ones(1, 1, 16, 16)
    x[..., 4:11, 4:11], mask[..., 4:11, 4:11] = float("nan"), 0  # a hole of 7 by 7
    layers = [PartialConv2d(3, 8, 3, padding=1), PartialConv2d(8, 8, 3, padding=1), PartialConv2d(8, 3, 3, padding=1)]
    holes = [int((mask == 0).sum())]
    for layer in layers:
        x, mask = layer(x, mask)
        holes.append(int((mask == 0).sum()))
    print(f"pixels of the hole before and after each layer: {holes}")
    print(f"all outputs finite: {bool(x.isfinite().all())}")
    image, conv = torch.ones(1, 1, 5, 5), PartialConv2d(1, 1, 3, padding=1, bias=False)
    nn.init.constant_(conv.weight, 1 / 9)
    print(f"a mean over 3 by 3 pixels of a white image is white up to the border: {conv(image)[0].min().item():.3f}")
