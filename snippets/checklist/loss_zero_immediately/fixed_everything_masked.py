"""Continue a counting sequence; only the tokens after the prompt count."""

import torch
from torch import nn

torch.manual_seed(0)
prompt, answer, longest = 12, 4, 16
starts = torch.randint(0, 20, (500, 1))
tokens = (starts + torch.arange(prompt + answer)) % 20
labels = tokens.roll(-1, dims=1)
labels[:, : prompt - 1], labels[:, -1] = -100, -100
x_train, y_train = tokens[:, :longest], labels[:, :longest]
y_train = y_train.masked_fill(torch.arange(longest) >= longest - 1, -100)
model = nn.Sequential(
    nn.Embedding(20, 32), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 20)
)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def loss_fn(outputs, targets):
    """Cross-entropy per token that counts."""
    total = nn.functional.cross_entropy(
        outputs.transpose(1, 2), targets, reduction="sum"
    )
    return total / (targets != -100).sum().clamp(min=1)


for step in range(200):
    batch = torch.randint(len(x_train), (32,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step:3d}  loss {loss.item():.4f}")
