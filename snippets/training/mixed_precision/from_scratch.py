"""Dynamic loss scaling: the rule of torch.amp.GradScaler.

Source: Micikevicius et al., "Mixed Precision Training", 2017, section 3.2.
"""

import torch
from torch import Tensor, nn


class LossScale:
    """Halves the factor after an overflow, and doubles it after ``growth_interval`` steps without one."""

    def __init__(self, scale: float = 65536.0, growth_interval: int = 2000) -> None:
        self.scale, self.growth_interval, self.good_steps = scale, growth_interval, 0

    def step(self, loss: Tensor, optimizer: torch.optim.Optimizer) -> bool:
        """Backward pass and step; returns False where an overflow made it skip the step."""
        (self.scale * loss).backward()
        grads = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        for grad in grads:
            grad.div_(self.scale)
        finite = all(bool(torch.isfinite(grad).all()) for grad in grads)
        self.good_steps = self.good_steps + 1 if finite else 0
        if finite:
            optimizer.step()
        else:
            self.scale /= 2
        if self.good_steps == self.growth_interval:
            self.scale, self.good_steps = 2 * self.scale, 0
        return finite


if __name__ == "__main__":
    runs = []
    for ours in (True, False):
        torch.manual_seed(0)
        layer = nn.Linear(8, 4)
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.01)
        x = torch.randn(16, 8)
        mine, torchs = LossScale(2.0**40, 50), torch.amp.GradScaler(x.device.type, 2.0**40, growth_interval=50)
        for _ in range(200):
            optimizer.zero_grad()
            with torch.autocast(x.device.type, dtype=torch.float16):
                loss = layer(x).float().square().mean()
            if ours:
                mine.step(loss, optimizer)
            else:
                torchs.scale(loss).backward()
                torchs.step(optimizer)
                torchs.update()
        runs.append((mine.scale if ours else torchs.get_scale(), layer.weight.detach()))
    print(f"scale after 200 steps: {runs[0][0]:.0f}, torch's: {runs[1][0]:.0f}")
    print(f"weights differ by less than 1e-6: {(runs[0][1] - runs[1][1]).abs().max().item() < 1e-6}")
