"""Classify handwritten digits; their brightness is random in each epoch."""

import torch
from sklearn.datasets import load_digits
from torch import nn

digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
x_train, y_train, x_val, y_val = x[:1000], y[:1000], x[1000:], y[1000:]


def evaluate(model):
    """Accuracy for pictures that are a little noisy, the same noise every time."""
    torch.manual_seed(0)
    noise = 0.1 * torch.randn(x_val.shape)
    with torch.no_grad():
        return (model(x_val + noise).argmax(1) == y_val).float().mean().item()


torch.manual_seed(0)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

drawn: set[float] = set()
states = []
for epoch in range(15):
    states.append(torch.get_rng_state())
    new = 0
    for batch in torch.randperm(len(x_train)).split(50):
        gains = 0.75 + torch.rand(len(batch), 1, dtype=torch.float64) / 2
        new += len(set(gains.flatten().tolist()) - drawn)
        drawn |= set(gains.flatten().tolist())
        inputs, targets = x_train[batch] * gains.float(), y_train[batch]
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    share, accuracy = new / len(x_train), evaluate(model)
    print(f"epoch {epoch + 1:2d}  new draws {share:.2f}  accuracy {accuracy:.2f}")
