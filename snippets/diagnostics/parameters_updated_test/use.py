"""Take a few real training steps and name each tensor that moved and should not, or should have moved and did not.

Source: the check list of this guide, "Some layers never change" and "Only a few parameters learn, or frozen ones move".
"""

from collections.abc import Callable, Collection

import torch
from torch import nn


def wrong_updates(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    step: Callable[[], object],
    frozen: Collection[str] | None = None,
    steps: int = 3,
) -> dict[str, str]:
    """Call your own training step, and compare all tensors of the model before and after. The model is trained by it.

    Args:
        model: in the mode in which it trains.
        optimizer: the one that ``step`` uses.
        step: forward, backward and optimizer step; gradients are cleared at its start or left in place at its end.
        frozen: names of the modules or tensors that must not move; by default what has ``requires_grad=False``.
        steps: more than one, as a factor that starts at 0 stops the first gradients.

    Returns:
        names of tensors, each with what is wrong; empty where all is right.
    """

    def is_named(name: str) -> bool:
        return any(name == part or name.startswith(part + ".") for part in frozen or ())

    weights = dict(model.named_parameters())
    fixed = {name for name, w in weights.items() if (not w.requires_grad if frozen is None else is_named(name))}
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    before = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
    for _ in range(steps):
        step()
    moved = {name for name, t in model.state_dict().items() if not torch.equal(t.detach(), before[name])}

    wrong = {}
    for name, weight in weights.items():
        if name in fixed and name in moved:
            wrong[name] = "frozen, and moved"
        elif name in fixed or name in moved:
            continue
        elif not weight.requires_grad:
            wrong[name] = "requires_grad is False"
        elif id(weight) not in held:
            wrong[name] = "not in the optimizer"
        elif weight.grad is None:
            wrong[name] = "no gradient"
        else:
            wrong[name] = "its update is lost" if weight.grad.any() else "gradient is 0"
    for path, module in model.named_modules():  # running statistics of layers that are frozen whole
        own = [f"{path}.{name}".lstrip(".") for name, _ in module.named_parameters(recurse=False)]
        buffers = [f"{path}.{name}".lstrip(".") for name, _ in module.named_buffers(recurse=False)]
        whole = own and fixed.issuperset(own)
        wrong |= {n: "buffer of a frozen layer, and moved" for n in buffers if n in moved and (whole or is_named(n))}
    return wrong


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(64, 20), torch.randint(5, (64,))
    model = nn.Sequential(nn.Linear(20, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 5))
    model[:2].requires_grad_(False)  # fine-tuning: the last layer only
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad])

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    for name, says in wrong_updates(model, optimizer, step).items():
        print(f"{name}: {says}")
    model[:2].eval()
    print("with the frozen layers in eval mode:", wrong_updates(model, optimizer, step) or "all is right")
