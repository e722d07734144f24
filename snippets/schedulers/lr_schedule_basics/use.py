"""The loop that every schedule needs: where scheduler.step() stands, and a checkpoint that resumes exactly.

Source: torch.optim.lr_scheduler.LRScheduler, PyTorch 2.x
"""

import io

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LinearLR, LRScheduler


def build() -> tuple[nn.Module, torch.optim.Optimizer, LRScheduler]:
    """Model, optimizer and scheduler, always built in this order, in a new run and in a resumed one."""
    model = nn.Linear(10, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = LinearLR(optimizer, start_factor=0.1, total_iters=50)
    return model, optimizer, scheduler


def train(
    model: nn.Module, optimizer: torch.optim.Optimizer, scheduler: LRScheduler, x: Tensor, y: Tensor, steps: int
) -> list[float]:
    """Full-batch training; returns the rate of each update.

    Args:
        x: inputs, (batch, 10).
        y: targets, (batch, 1).
        steps: updates to make, each followed by one step of the schedule.
    """
    rates = []
    for _ in range(steps):
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        rates.append(float(scheduler.get_last_lr()[0]))  # what this update uses
        optimizer.step()
        scheduler.step()  # after the update; per update here, after the inner loop if it counts epochs
    return rates


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(64, 10), torch.randn(64, 1)

    model, optimizer, scheduler = build()
    start = {name: p.clone() for name, p in model.state_dict().items()}
    whole = train(model, optimizer, scheduler, x, y, steps=80)

    first_model, optimizer, scheduler = build()
    first_model.load_state_dict(start)
    first = train(first_model, optimizer, scheduler, x, y, steps=20)
    file = io.BytesIO()  # a path in real life
    torch.save(
        {
            "model": first_model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "scheduler": scheduler.state_dict(),
        },
        file,
    )

    file.seek(0)
    checkpoint = torch.load(file)
    resumed_model, optimizer, scheduler = build()  # the scheduler is built before anything is loaded
    resumed_model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])  # holds the current rate and the momentum
    scheduler.load_state_dict(checkpoint["scheduler"])  # holds the step count
    rest = train(resumed_model, optimizer, scheduler, x, y, steps=60)

    print(f"rate of updates 0, 20, 79: {whole[0]:.3f} {whole[20]:.3f} {whole[79]:.3f}")
    print("rates of the resumed run equal the uninterrupted run's:", first + rest == whole)
    same = all(torch.equal(a, b) for a, b in zip(model.parameters(), resumed_model.parameters(), strict=True))
    print("weights too:", same)
