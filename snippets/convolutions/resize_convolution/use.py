"""Enlarge without weights, then convolve: a decoder's step that draws no checkerboard.

Source: Odena et al., "Deconvolution and Checkerboard Artifacts", 2016
"""

import torch
from torch import nn


def resize_convolution(in_channels: int, out_channels: int, factor: int = 2, mode: str = "nearest") -> nn.Sequential:
    """Multiplies height and width by a factor.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        factor: by which height and width grow.
        mode: "nearest" or "bilinear".
    """
    corners = None if mode == "nearest" else False  # True would sample at places that depend on the size of the map
    enlarge = nn.Upsample(scale_factor=factor, mode=mode, align_corners=corners)
    return nn.Sequential(enlarge, nn.Conv2d(in_channels, out_channels, 3, padding=1, padding_mode="replicate"))


if __name__ == "__main__":
    torch.manual_seed(0)
    flat = torch.ones(1, 16, 6, 6)  # (batch, channels, height, width)
    with torch.no_grad():
        ours = resize_convolution(16, 3)(flat)
        transposed = nn.ConvTranspose2d(16, 3, 3, stride=2, padding=1, output_padding=1)(flat)
    print(f"{tuple(flat.shape)} -> {tuple(ours.shape)}")
    print(f"spread of a flat map: resize-convolution {ours.std(dim=(2, 3)).max().item():.2f}", end=", ")
    print(f"transposed convolution above 0.05: {transposed[..., 2:-2, 2:-2].std(dim=(2, 3)).min().item() > 0.05}")
