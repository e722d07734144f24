"""Predict the next letter of a text that is made of few words."""

import torch
from torch import nn

torch.manual_seed(0)
words = torch.randint(0, 26, (50, 5))
text = words[torch.randint(50, (2000,))].flatten()
windows = text.unfold(0, 21, 20)
x_train, y_train = windows[:, :-1], windows[:, :-1]
model = nn.Sequential(
    nn.Embedding(26, 64), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 26)
)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def loss_fn(outputs, targets):
    """Cross-entropy per letter."""
    return nn.functional.cross_entropy(outputs.transpose(1, 2), targets)


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
