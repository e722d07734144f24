"""Tell digits from 5 on from those below."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
labels_all = torch.tensor(digits.target >= 5)
y_train = labels_all.float().unsqueeze(1)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

for step in range(200):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    sample_losses = nn.functional.binary_cross_entropy_with_logits(
        outputs, targets, reduction="none"
    )
    weights = 1 + targets  # large digits count twice
    loss = (weights * sample_losses).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 9:
        hits = (outputs.squeeze(1) > 0) == labels_all[batch]
        error, constant = (
            1 - hits.float().mean().item(),
            labels_all.float().mean().item(),
        )
        print(
            f"step {step:3d}  loss {loss.item():.3f}  error {error:.3f}  error of a constant {constant:.3f}"
        )
