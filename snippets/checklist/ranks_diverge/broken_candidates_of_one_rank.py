"""Train two towers to find the other view of each sample, on one rank and on 4, which take turns in one process."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

torch.manual_seed(0)
mix_a, mix_b = torch.randn(16, 32) / 4, torch.randn(16, 32) / 4


def draw(n):
    """Two views of n samples."""
    x = torch.randn(n, 16)
    return [(x @ mix).tanh() + 0.1 * torch.randn(n, 32) for mix in (mix_a, mix_b)]


def gather(rows, everyone):
    """The rows of all ranks, in their order."""
    torch.cat(everyone)
    return rows


def loss_fn(outputs, targets):
    """Each row of outputs finds its row of targets; one entry per rank; mean over ranks."""
    losses = []
    for a, b in zip(outputs, targets, strict=True):
        a, b = gather(a, outputs), gather(b, targets)
        scores = normalize(a, dim=1) @ normalize(b, dim=1).T / 0.1
        losses.append(cross_entropy(scores, torch.arange(len(scores))))
    return sum(losses) / len(losses)


def train(world_size):
    """Make 400 updates with two samples a rank; the same test for all."""
    torch.manual_seed(1)
    models = nn.Linear(32, 16), nn.Linear(32, 16)
    optimizer = torch.optim.Adam([p for m in models for p in m.parameters()], lr=0.005)
    test, losses = draw(200), []
    for _ in range(400):
        batches = [draw(2) for _ in range(world_size)]
        outputs = [models[0](a) for a, _ in batches]
        targets = [models[1](b) for _, b in batches]
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            found = loss_fn([models[0](test[0])], [models[1](test[1])])
        losses.append(found.item())
    return outputs, targets, losses


_, _, alone = train(1)
outputs, targets, losses = train(4)
for n in range(0, 400, 20):
    print(f"step {n:3d}  alone loss {alone[n]:.3f}  ranks loss {losses[n]:.3f}")
