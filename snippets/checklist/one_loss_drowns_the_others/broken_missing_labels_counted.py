"""Answer three questions about images of digits: is it odd, is it 5 or more, can it be divided by 3?"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
labels = torch.stack([y % 2 == 1, y >= 5, y % 3 == 0], dim=1).float()
x_train, x_test, y_test = x[:1400], x[1400:], labels[1400:]
asked = torch.rand(1400, 3) < torch.tensor([1.0, 0.3, 0.3])
y_train = labels[:1400].where(asked, torch.nan)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def loss_fn(outputs, targets):
    """The mean loss over samples and questions; not every image came with an answer to each."""
    labels = targets.nan_to_num(0)
    return functional.binary_cross_entropy_with_logits(outputs, labels)


for step in range(1, 201):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        with torch.no_grad():
            hits = ((model(x_test) > 0) == y_test).float().mean(dim=0)
        print(
            f"step {step:3d}  accuracy {hits[1].item():.3f}  first {hits[0].item():.3f}"
        )
