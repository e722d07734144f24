"""Spectral normalization of a discriminator with torch's parametrization.

Source: Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018.
"""

import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def normalize_spectra_(model: nn.Module) -> None:
    """Divide the weight of every linear and convolutional layer by its largest singular value, from now on.

    Call it before the optimizer is made. Layers whose output must not be bounded, such as the last one of a
    regression, are better left out.
    """
    for module in model.modules():
        if isinstance(module, LAYERS):
            spectral_norm(module)


if __name__ == "__main__":
    torch.manual_seed(0)
    judge = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(72, 1))
    with torch.no_grad():
        for parameter in judge.parameters():
            parameter.mul_(10)
    images, others = torch.randn(16, 1, 8, 8), torch.randn(16, 1, 8, 8)

    def steepest() -> float:
        return ((judge(images) - judge(others)).abs().flatten() / (images - others).flatten(1).norm(dim=1)).max().item()

    print(f"steepest of 16 lines, before: {steepest():.1f}")
    normalize_spectra_(judge)
    print(f"and with spectral normalization: {steepest():.2f}")
