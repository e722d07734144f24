"""Schedule-Free AdamW: gradients between a fast sequence and its average, and no decay of the learning rate.

Source: Defazio et al., "The Road Less Scheduled", 2024.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.optim.optimizer import ParamsT


class ScheduleFreeAdamW(torch.optim.Optimizer):
    """AdamW whose momentum is replaced by an average of the iterates; evaluate only after ``eval()``.

    Args:
        params: tensors, named tensors or parameter groups.
        lr: learning rate, constant after the warm-up.
        betas: share of the average in the point of the gradient, and decay rate of the second moment.
        eps: added to the denominator.
        weight_decay: times ``lr``, acts on the point of the gradient.
        warmup_steps: steps over which the rate rises linearly to ``lr``.
        maximize: True ascends.

    Raises:
        ValueError: for a negative value, a first beta outside (0, 1) or a second outside [0, 1).
        RuntimeError: in ``step``, for a sparse gradient, a complex parameter, or after ``eval()`` without ``train()``.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 2.5e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        warmup_steps: int = 0,
        *,
        maximize: bool = False,
    ) -> None:
        if not all(x >= 0 for x in (lr, eps, weight_decay, warmup_steps)) or not (
            0 < betas[0] < 1 and 0 <= betas[1] < 1
        ):
            raise ValueError(f"invalid: {lr=}, {betas=}, {eps=}, {weight_decay=}, {warmup_steps=}")
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults | {"warmup_steps": warmup_steps, "k": 0, "sum": 0.0, "training": True})

    @torch.no_grad()
    def _switch(self, training: bool) -> None:
        for group in self.param_groups:
            beta = group["betas"][0]
            if group["training"] != training:
                for p in group["params"]:
                    if p in self.state:  # y = beta x + (1 - beta) z, and back
                        p.lerp_(self.state[p]["z"], 1 - beta if training else 1 - 1 / beta)
            group["training"] = training

    def train(self) -> None:
        """Put the points of the gradient, y, into the parameters: before training."""
        self._switch(True)

    def eval(self) -> None:
        """Put the averages, x, into the parameters: before validation, saving and export."""
        self._switch(False)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update; returns the closure's loss, if there is a closure."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            if not group["training"]:
                raise RuntimeError("call the optimizer's train() before step()")
            group["k"] += 1
            (beta1, beta2), k = group["betas"], group["k"]
            lr = group["lr"] * min(1.0, k / max(1, group["warmup_steps"]))
            group["sum"] += lr**2
            c = lr**2 / group["sum"] if group["sum"] else 0.0  # weight of the newest z in the average
            for y in group["params"]:
                if y.grad is None:
                    continue
                if y.grad.is_sparse or y.is_complex():
                    raise RuntimeError("ScheduleFreeAdamW does not support sparse gradients or complex parameters")
                g = -y.grad if group["maximize"] else y.grad
                state = self.state[y]
                if not state:
                    state.update(z=y.clone(), exp_avg_sq=torch.zeros_like(y))
                z, v = state["z"], state["exp_avg_sq"]
                v.lerp_(g * g, 1 - beta2)
                d = g / ((v / (1 - beta2**k)).sqrt() + group["eps"]) + group["weight_decay"] * y
                y.lerp_(z, c).sub_(d, alpha=lr * (1 - beta1 * (1 - c)))  # x' = (1 - c) x + c z', without storing x
                z.sub_(d, alpha=lr)
        return loss


def make_optimizer(parameters: ParamsT, lr: float = 2.5e-3) -> torch.optim.Optimizer:
    """Schedule-Free AdamW with a warm-up of 20 steps and a weight decay of 0.01.

    Args:
        parameters: tensors, named tensors or parameter groups.
        lr: learning rate; try 1 to 10 times the best one of AdamW with a schedule.

    Raises:
        ValueError: if ``lr`` is negative.
    """
    return ScheduleFreeAdamW(parameters, lr=lr, weight_decay=0.01, warmup_steps=20)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(256, 8)  # (batch, features)
    y = x.sum(dim=1, keepdim=True).sin()  # (batch, 1)
    model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
    optimizer = ScheduleFreeAdamW(model.parameters(), lr=2e-2, warmup_steps=20)
    for step in range(201):
        optimizer.train()
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            optimizer.eval()
            print(f"step {step:3d}  loss of the average {nn.functional.mse_loss(model(x), y).item():.1f}")
