"""Warmup-stable-decay (WSD): a ramp, a constant rate for as long as you like, and a short fall to zero.

Source: Hu et al., "MiniCPM: Unveiling the Potential of Small Language Models with Scalable Training Strategies", 2024
"""

import copy
import math
from functools import partial

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

SHAPES = {
    "1-sqrt": lambda part: 1 - math.sqrt(part),
    "linear": lambda part: 1 - part,
    "cosine": lambda part: (1 + math.cos(math.pi * part)) / 2,
}


def factor(step: int, warmup_steps: int, total_steps: int, decay_steps: int, shape: str) -> float:
    """Learning rate of update ``step``, counted from 0, as a fraction of the stable one."""
    ramp = min(1.0, (step + 1) / max(1, warmup_steps))
    return ramp * SHAPES[shape](min(1.0, max(0, step - (total_steps - decay_steps)) / decay_steps))


def make_scheduler(
    optimizer: torch.optim.Optimizer,
    warmup_steps: int = 20,
    total_steps: int = 250,
    decay_steps: int = 50,
    shape: str = "1-sqrt",
) -> LRScheduler:
    """Linear to the base rate in ``warmup_steps`` updates, constant, and to zero in the last ``decay_steps``.

    Args:
        optimizer: its groups' ``lr`` are the rates of the stable phase.
        warmup_steps: updates of warm-up; 0 for none.
        total_steps: updates of the whole run. Before the decay it may be changed: no rate so far depends on it.
        decay_steps: updates of the decay, part of ``total_steps``; a tenth to a fifth of them.
        shape: of the decay: ``1-sqrt``, ``linear`` or ``cosine``.

    Raises:
        ValueError: when the phases do not fit into the run, or for an unknown shape.
    """
    if warmup_steps < 0 or decay_steps < 1 or warmup_steps + decay_steps > total_steps:
        raise ValueError(f"{warmup_steps} + {decay_steps} updates do not fit into {total_steps}")
    if shape not in SHAPES:
        raise ValueError(f"shape must be one of {list(SHAPES)}, got {shape!r}")
    phases = {"warmup_steps": warmup_steps, "total_steps": total_steps, "decay_steps": decay_steps}
    return LambdaLR(optimizer, partial(factor, **phases, shape=shape))  # a nested function could not be pickled


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(256, 10), torch.randn(256, 1)

    def train(model: nn.Module, optimizer: torch.optim.Optimizer, scheduler: LRScheduler, steps: int) -> float:
        for _ in range(steps):
            batch = torch.randint(256, (32,))
            optimizer.zero_grad()
            nn.functional.mse_loss(model(x[batch]), y[batch]).backward()
            optimizer.step()
            scheduler.step()  # after every update
        return nn.functional.mse_loss(model(x), y).item()

    model = nn.Linear(10, 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    scheduler = make_scheduler(optimizer, total_steps=1000, decay_steps=200)
    before = train(model, optimizer, scheduler, 400)  # stable; save all three here
    saved = copy.deepcopy((model.state_dict(), optimizer.state_dict(), scheduler.state_dict()))

    branch = nn.Linear(10, 1)  # a run of 500 updates, out of the one that goes on to 1000
    branch_optimizer = torch.optim.AdamW(branch.parameters(), lr=0.1)
    branch_scheduler = make_scheduler(branch_optimizer, total_steps=500, decay_steps=100)
    branch.load_state_dict(saved[0])
    branch_optimizer.load_state_dict(saved[1])
    branch_scheduler.load_state_dict(saved[2])
    after = train(branch, branch_optimizer, branch_scheduler, 100)
    print(f"long run, after 400 updates: rate {scheduler.get_last_lr()[0]:.3f}, ready to go on")
    print(f"branch, after 500 updates: rate {branch_scheduler.get_last_lr()[0]:.3f}, loss lower: {after < before}")
