"""Batch renormalization on top of torch's batch normalization, and the paper's schedule of its two limits.

Source: Ioffe, "Batch Renormalization: Towards Reducing Minibatch Dependence in Batch-Normalized Models", 2017.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class BatchRenorm2d(nn.BatchNorm2d):
    """``nn.BatchNorm2d`` whose output in train mode is pulled to that of eval mode, as far as two limits allow.

    With ``r_max = 1`` and ``d_max = 0``, as at the start, it is batch normalization.
    """

    r_max, d_max = 1.0, 0.0
    running_mean: Tensor
    running_var: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (batch, channel, height, width)."""
        if not self.training:
            return super().forward(x)
        with torch.no_grad():  # r and d are constants for the gradient
            var, mean = torch.var_mean(x, (0, 2, 3), correction=0)
            std = (self.running_var + self.eps).sqrt()
            r = ((var + self.eps).sqrt() / std).clamp(1 / self.r_max, self.r_max)
            d = ((mean - self.running_mean) / std).clamp(-self.d_max, self.d_max)
        share = 0.1 if self.momentum is None else self.momentum
        normal = F.batch_norm(x, self.running_mean, self.running_var, None, None, True, share, self.eps)
        scale, shift = self.weight * r, self.weight * d + self.bias
        return normal * scale.view(1, -1, 1, 1) + shift.view(1, -1, 1, 1)


def set_limits(model: nn.Module, step: int, start: int = 5_000, r_end: int = 40_000, d_end: int = 25_000) -> None:
    """Set the limits of every such layer: batch normalization until ``start``, then up to 3 and 5.

    Args:
        model: any module.
        step: number of the update, from 0.
        start: update until which r is 1 and d is 0.
        r_end: update at which r may be 3.
        d_end: update at which d may be 5.
    """
    r_share, d_share = (min(1.0, max(0.0, (step - start) / (end - start))) for end in (r_end, d_end))
    for module in model.modules():
        if isinstance(module, BatchRenorm2d):
            module.r_max, module.d_max = 1 + 2 * r_share, 5 * d_share


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), BatchRenorm2d(8), nn.ReLU())
    for step in range(300):
        set_limits(model, step, start=50, r_end=200, d_end=150)
        model(torch.rand(2, 3, 8, 8))
    x = torch.rand(2, 3, 8, 8)
    expected = model.eval()(x)
    print(f"limits: {model[1].r_max}, {model[1].d_max}")
    print(f"train mode gives the output of eval mode: {torch.allclose(model.train()(x), expected, atol=1e-5)}")
