"""Learn an embedding of handwritten digits without labels: two noisy views of an image belong together."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
x_train, x_test, y_test = x[:1400], x[1400:], y[1400:]
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 16))
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)


def loss_fn(outputs, targets):
    """Each row should find the row of its target among all the others."""
    z = nn.functional.normalize(outputs, dim=1)
    itself = torch.eye(len(z), dtype=torch.bool)
    return nn.functional.cross_entropy(
        (z @ z.T / 0.2).masked_fill(itself, -1e9), targets
    )


rows = torch.arange(128)
for step in range(1, 201):
    images = x_train[torch.randint(len(x_train), (64,))]
    inputs = torch.cat([images, images]) + 0.2 * torch.randn(128, 64)
    targets = rows ^ 1
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        with torch.no_grad():
            z = nn.functional.normalize(model(x_test), dim=1)
        alike = (z @ z.T).fill_diagonal_(-1).argmax(dim=1)
        accuracy = (y_test[alike] == y_test).float().mean().item()
        distance = torch.cdist(z, z).mean().item()
        print(
            f"step {step:3d}  loss {loss.item():.5f}  distance {distance:.3f}  accuracy {accuracy:.3f}"
        )
