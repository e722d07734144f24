"""DeepNorm around any branch: layer normalization of a scaled skip connection, and a branch whose weights start small.

Source: Wang et al., "DeepNet: Scaling Transformers to 1,000 Layers", 2022, figure 2.
"""

import torch
from torch import Tensor, nn


class DeepNorm(nn.Module):
    """LN(alpha x + branch(x)) in a model of ``layers`` layers, each with an attention and an MLP branch.

    Args:
        branch: such as an MLP; its matrices are filled anew, with gain beta.
        features: length of the vectors.
        layers: of the model; alpha = (2 layers)^(1/4), beta = (8 layers)^(-1/4).
        eps: of the layer normalization.
    """

    def __init__(self, branch: nn.Module, features: int, layers: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.branch, self.alpha, self.eps = branch, (2 * layers) ** 0.25, eps
        self.weight, self.bias = nn.Parameter(torch.ones(features)), nn.Parameter(torch.zeros(features))
        for matrix in (p for p in branch.parameters() if p.dim() == 2):
            fan_out, fan_in = matrix.shape
            std = (8 * layers) ** -0.25 * (2 / (fan_in + fan_out)) ** 0.5  # Xavier's, times beta
            nn.init.normal_(matrix, std=std)

    def forward(self, x: Tensor) -> Tensor:
        """Vectors (…, features)."""
        total = self.alpha * x + self.branch(x)  # alpha belongs to the skip connection, not to the branch
        wide = total if total.dtype == torch.float64 else total.float()
        centred = wide - wide.mean(-1, keepdim=True)
        normal = centred * (centred.square().mean(-1, keepdim=True) + self.eps).rsqrt()
        return (normal * self.weight + self.bias).to(x.dtype)


if __name__ == "__main__":
    torch.manual_seed(0)
    branch = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 64)).double()
    ours, norm = DeepNorm(branch, 64, layers=24).double(), nn.LayerNorm(64).double()
    x = torch.randn(8, 10, 64, dtype=torch.float64)
    difference = (ours(x) - norm(48**0.25 * x + branch(x))).abs().max().item()
    print(f"largest difference to torch's layer_norm of the sum below 1e-12: {difference < 1e-12}")
    ratio = next(branch.parameters()).std().item() / (2 / 320) ** 0.5
    print(f"standard deviation of the weights, in parts of Xavier's: {ratio:.2f}")
