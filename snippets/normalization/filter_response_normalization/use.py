"""Filter response normalization with its thresholded linear unit, by torch's rms_norm over the places of a map.

Source: Singh and Krishnan, "Filter Response Normalization Layer: Eliminating Batch Dependence in the Training of Deep
Neural Networks", 2019.
"""

import torch
from torch import Tensor, nn


class FilterResponseNormTlu(nn.Module):
    """Takes the place of a normalization and the ReLU behind it; (batch, channel, *space).

    Args:
        num_features: channels.
        eps: added to the mean square.
    """

    def __init__(self, num_features: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.weight, self.bias = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))
        self.tau = nn.Parameter(torch.zeros(num_features))  # the threshold; at 0 it is ReLU

    def forward(self, x: Tensor) -> Tensor:
        """Normalize, scale, shift, and cut off below the threshold."""
        shape = (1, -1, *(1 for _ in x.shape[2:]))
        normal = nn.functional.rms_norm(x, x.shape[2:], eps=self.eps)
        return torch.maximum(self.weight.view(shape) * normal + self.bias.view(shape), self.tau.view(shape))


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), FilterResponseNormTlu(8), nn.Conv2d(8, 4, 3), FilterResponseNormTlu(4))
    x = torch.randn(2, 3, 12, 12)
    together, alone = model(x)[0], model(x[:1])[0]
    print(f"the same alone and in a batch: {torch.allclose(together, alone, atol=1e-6)}")
    print(f"the same in train and eval mode: {torch.equal(model.eval()(x)[0], together)}")
