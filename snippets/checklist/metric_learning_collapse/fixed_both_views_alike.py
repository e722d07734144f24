"""Learn features of photographed digits without labels: two photos of one digit belong together."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
row, column = torch.meshgrid(*[torch.linspace(-1, 1, 8)] * 2, indexing="ij")
lamps = torch.stack([row, column, torch.ones(8, 8)]).flatten(1)


def photo(images, seed):
    """Light from a random side, and noise; the seed makes a run repeatable."""
    generator = torch.Generator().manual_seed(seed)
    light = torch.randn(len(images), 3, generator=generator) @ lamps
    return images + light + 0.1 * torch.randn(images.shape, generator=generator)


x_test, y_test = photo(x[1400:], 0), y[1400:]
x_train, y_train = x[:1400], y[:1400]
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 16))
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)


def loss_fn(outputs, targets):
    """Find the other photo of each digit among those of the batch."""
    a, b = (nn.functional.normalize(z, dim=1) for z in (outputs, targets))
    return nn.functional.cross_entropy(a @ b.T / 0.2, torch.arange(len(a)))


for step in range(1, 201):
    images = x_train[torch.randint(len(x_train), (64,))]
    inputs, targets = photo(images, 2 * step), photo(images, 2 * step + 1)
    outputs = model(inputs)
    loss = loss_fn(outputs, model(targets))
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
