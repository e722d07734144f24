"""Lookahead: every k steps of any optimizer, go back half of the way.

Source: Zhang et al., "Lookahead Optimizer: k steps forward, 1 step back", 2019, algorithm 1.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim.optimizer import ParamsT


class Lookahead(torch.optim.Optimizer):
    """Slow weights around a base optimizer, which shares its parameter groups and its state with this one.

    Args:
        params: tensors, named tensors or parameter groups.
        base: class of the base optimizer.
        k: number of base steps between two updates of the slow weights.
        alpha: how far the slow weights go towards the fast ones; 1 leaves the base optimizer alone.
        lr: learning rate of ``base``.
        options: further arguments of ``base``.

    Raises:
        ValueError: for k below 1, alpha outside [0, 1], or a value that ``base`` refuses.
    """

    def __init__(
        self,
        params: ParamsT,
        base: Callable[..., torch.optim.Optimizer] = torch.optim.AdamW,
        lr: float = 1e-3,
        k: int = 5,
        alpha: float = 0.5,
        **options: Any,
    ) -> None:
        if k < 1 or not 0 <= alpha <= 1:
            raise ValueError(f"invalid: {k=}, {alpha=}")
        super().__init__(params, {"lr": lr, "k": k, "alpha": alpha, "counter": 0, **options})
        self.base = base(self.param_groups, lr=lr, **options)
        self.defaults.update(self.base.defaults)
        self.param_groups, self.state = self.base.param_groups, self.base.state

    def __getstate__(self) -> dict[str, Any]:
        """What `copy.deepcopy` and `pickle` keep: the base optimizer too."""
        return {**super().__getstate__(), "base": self.base}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore fast and slow weights' state, and tie the base optimizer to it again."""
        super().load_state_dict(state_dict)
        self.base.param_groups, self.base.state = self.param_groups, self.state

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update; returns the closure's loss, if there is a closure."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        used = [(group, p) for group in self.param_groups for p in group["params"] if p.grad is not None]
        starts = {p: p.clone() for _, p in used if "slow" not in self.state.get(p, {})}
        self.base.step()
        for p, start in starts.items():
            self.state[p]["slow"] = start
        for group in self.param_groups:
            group["counter"] = (group["counter"] + 1) % group["k"]
        for group, p in used:
            if group["counter"] == 0:
                p.copy_(self.state[p]["slow"].lerp_(p, group["alpha"]))
        return loss


def make_optimizer(parameters: ParamsT, lr: float = 1e-3) -> torch.optim.Optimizer:
    """Lookahead around AdamW with k = 5 and alpha = 0.5; the authors' code has alpha = 0.8.

    Args:
        parameters: tensors, named tensors or parameter groups.
        lr: learning rate of AdamW.

    Raises:
        ValueError: if ``lr`` is negative.
    """
    return Lookahead(parameters, torch.optim.AdamW, lr=lr, k=5, alpha=0.5)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(256, 8)  # (batch, features)
    y = x.sum(dim=1, keepdim=True).sin()  # (batch, 1)
    model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
    optimizer = make_optimizer(model.parameters(), lr=2e-2)
    for step in range(201):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step:3d}  loss {loss.item():.1f}")
