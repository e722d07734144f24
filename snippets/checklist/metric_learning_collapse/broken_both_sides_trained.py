"""Learn an embedding of handwritten digits without labels, from two noisy views."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
x_train, x_test = x[:1400], x[1400:]
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))
optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)


def loss_fn(outputs, targets):
    """The two views of an image should have the same direction."""
    return -nn.functional.cosine_similarity(outputs, targets).mean()


for step in range(1, 151):
    inputs = x_train[torch.randint(len(x_train), (64,))]
    outputs = model(inputs + 0.1 * torch.randn_like(inputs))
    targets = model(inputs + 0.1 * torch.randn_like(inputs))
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        with torch.no_grad():
            test = nn.functional.normalize(model(x_test), dim=1)
        distance = torch.cdist(test, test).mean().item()
        print(f"step {step:3d}  loss {loss.item():.5f}  distance {distance:.3f}")
