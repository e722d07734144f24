"""Spectral normalization as a parametrization, without torch's own.

Source: Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize


class SpectralNorm(nn.Module):
    """The weight, as a matrix (outputs, everything else), divided by an estimate of its largest singular value.

    Args:
        weight: to which the first estimate belongs.
        steps: of the power method at each call in training mode.
        eps: keeps vectors of length zero from being divided by zero.
    """

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, steps: int = 1, eps: float = 1e-12) -> None:
        super().__init__()
        self.steps, self.eps = steps, eps
        rows, columns = weight.flatten(1).shape
        self.register_buffer("_u", normalize(torch.randn(rows, dtype=weight.dtype), dim=0, eps=eps))
        self.register_buffer("_v", normalize(torch.randn(columns, dtype=weight.dtype), dim=0, eps=eps))
        self.improve(weight.flatten(1), 15)

    @torch.no_grad()
    def improve(self, matrix: Tensor, steps: int) -> None:
        """Bring u and v nearer to the singular vectors of the largest singular value."""
        for _ in range(steps):
            self._u = normalize(matrix @ self._v, dim=0, eps=self.eps)
            self._v = normalize(matrix.T @ self._u, dim=0, eps=self.eps)

    def forward(self, weight: Tensor) -> Tensor:
        """The weight that the layer uses; the gradient flows through weight and estimate, not through u and v."""
        if self.training:
            self.improve(weight.flatten(1), self.steps)
        return weight / (self._u @ weight.flatten(1) @ self._v)


if __name__ == "__main__":
    layers = []
    for make in (lambda w: SpectralNorm(w), nn.utils.parametrizations._SpectralNorm):
        torch.manual_seed(0)
        layer = nn.Conv2d(3, 5, 3)
        nn.utils.parametrize.register_parametrization(layer, "weight", make(layer.weight))
        layers.append(layer)
    x = torch.randn(2, 3, 8, 8)
    for layer in layers:
        for _ in range(5):
            layer(x).square().sum().backward()
    ours, theirs = (layer.get_parameter("parametrizations.weight.original").grad for layer in layers)
    assert ours is not None
    assert theirs is not None
    print(f"gradients differ from torch's by less than 1e-4: {(ours - theirs).abs().max().item() < 1e-4}")
    sigma = torch.linalg.matrix_norm(layers[0].weight.flatten(1), 2).item()
    print(f"largest singular value: {sigma:.3f}")
