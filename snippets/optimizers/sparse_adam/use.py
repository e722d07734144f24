"""SparseAdam for a large embedding, Adam for the rest of the model.

Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2014; torch's lazy variant of it.
"""

import torch
from torch import nn
from torch.optim.optimizer import ParamsT


def make_optimizer(parameters: ParamsT, lr: float = 1e-3) -> torch.optim.Optimizer:
    """Adam that touches only the rows which the gradient names.

    Args:
        parameters: dense tensors whose gradients are sparse, as ``nn.Embedding(..., sparse=True)`` makes them.
        lr: learning rate, as for Adam.

    Raises:
        ValueError: if ``lr`` is not positive. ``step`` raises RuntimeError for a dense gradient.
    """
    return torch.optim.SparseAdam(parameters, lr=lr)


if __name__ == "__main__":
    torch.manual_seed(0)
    embedding = nn.Embedding(10_000, 16, sparse=True)
    head = nn.Linear(16, 2)
    optimizers = [make_optimizer(embedding.parameters(), lr=1e-2), torch.optim.Adam(head.parameters(), lr=1e-2)]
    x = torch.randint(100, (256,))  # (batch,) word numbers; only 100 of the 10 000 words occur
    y = x % 2  # (batch,)
    before = embedding.weight.detach().clone()
    for step in range(101):
        loss = nn.functional.cross_entropy(head(embedding(x)), y)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        if step % 50 == 0:
            print(f"step {step:3d}  loss {loss.item():.1f}")
    moved = (embedding.weight.detach() != before).any(dim=1).sum().item()
    print("rows that moved:", moved, "  different words:", len(x.unique()))
