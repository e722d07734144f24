"""Find small squares in noisy images; most images have none."""

import torch
from torch import nn

torch.manual_seed(0)


def scenes(count):
    """Images with a square of 5 x 5 pixels in every third, and their masks."""
    masks = torch.zeros(count, 1, 16, 16)
    for mask in masks[::3]:
        row, column = torch.randint(0, 12, (2,))
        mask[0, row : row + 5, column : column + 5] = 1
    return masks + 0.3 * torch.randn_like(masks), masks


def metric(outputs, targets):
    """Overlap (Dice) of what was found, over all images together."""
    found = (outputs > 0).float()
    return (2 * (found * targets).sum() / (found + targets).sum()).item()


x_train, y_train = scenes(300)
x_test, y_test = scenes(99)
model = nn.Sequential(
    nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1)
)
loss_fn = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(5.0))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

for step in range(150):
    batch = torch.randint(len(x_train), (16,))
    inputs, targets = x_train[batch], y_train[batch]
    loss = loss_fn(model(inputs), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 9:
        with torch.no_grad():
            score = metric(model(x_test), y_test)
        print(f"step {step:3d}  loss {loss.item():.4f}  score {score:.3f}")

with torch.no_grad():
    inputs, targets = x_test, y_test
    outputs = model(inputs)
print(
    f"perfect answer {metric(targets, targets):.3f}  own score {metric(outputs, targets):.3f}"
)
