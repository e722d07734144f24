"""Weight normalization as a parametrization, without torch's own.

Source: Salimans and Kingma, "Weight Normalization: A Simple Reparameterization to Accelerate Training of Deep Neural
Networks", 2016.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize


class WeightNorm(nn.Module):
    """The weight as a gain times a direction: w = g v / ||v||, with one gain for each output unit.

    Args:
        dim: dimension of the weight that counts the units; the norm goes over all others.
    """

    def __init__(self, dim: int = 0) -> None:
        super().__init__()
        self.dim = dim

    def norm(self, v: Tensor) -> Tensor:
        """Length of each unit's vector, in the form (1, …, units, …, 1)."""
        others = [d for d in range(v.dim()) if d != self.dim % v.dim()]
        return torch.linalg.vector_norm(v, dim=others, keepdim=True)

    def forward(self, g: Tensor, v: Tensor) -> Tensor:
        """The weight that the layer uses."""
        return g * v / self.norm(v)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The parameters of a given weight: its length and itself, so that nothing changes at first."""
        return self.norm(weight), weight


def weight_norm(module: nn.Module, name: str = "weight", dim: int = 0) -> nn.Module:
    """Replace a parameter by ``parametrizations.<name>.original0`` (g) and ``original1`` (v), as torch names them."""
    parametrize.register_parametrization(module, name, WeightNorm(dim), unsafe=True)
    return module


if __name__ == "__main__":
    torch.manual_seed(0)
    ours, theirs = nn.Conv2d(3, 5, 3), nn.Conv2d(3, 5, 3)
    theirs.load_state_dict(ours.state_dict())
    weight_norm(ours)
    nn.utils.parametrizations.weight_norm(theirs)
    x = torch.randn(2, 3, 8, 8)
    difference = 0.0
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        grads = [torch.autograd.grad(layer(x).square().sum(), p)[0] for layer, p in ((ours, a), (theirs, b))]
        difference = max(difference, ((grads[0] - grads[1]).abs().max() / grads[1].abs().max()).item())
    print(f"gradients differ from torch's by less than 1e-5: {difference < 1e-5}")
    v = ours.get_parameter("parametrizations.weight.original1")
    (along,) = torch.autograd.grad(ours(x).square().sum(), v)
    cosine = nn.functional.cosine_similarity(along.flatten(1), v.flatten(1)).abs().max().item()
    print(f"the gradient of v is orthogonal to v: {cosine < 1e-5}")
