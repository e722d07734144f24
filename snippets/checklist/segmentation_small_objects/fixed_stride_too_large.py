"""Find small squares in noisy images."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(0)


def loss_fn(outputs, targets):
    """Cross-entropy of each pixel, and Dice loss of all."""
    p = outputs.sigmoid()
    overlap = (2 * (p * targets).sum() + 1) / (p.sum() + targets.sum() + 1)
    return functional.binary_cross_entropy_with_logits(outputs, targets) + 1 - overlap


def scenes(count):
    """Make images with one square of 3 x 3 pixels each, and their masks."""
    masks = torch.zeros(count, 1, 24, 24)
    for mask in masks:
        row, column = torch.randint(0, 22, (2,))
        mask[0, row : row + 3, column : column + 3] = 1
    return masks + 0.5 * torch.randn_like(masks), masks


def metric(found, masks):
    """Overlap of what was found with all masks together."""
    return ((found * masks).sum() / (found + masks).clamp(max=1).sum()).item()


images, masks = scenes(250)
x, y = images, masks
x_train, y_train, x_val, y_val = x[:200], y[:200], x[200:], y[200:]
model = nn.Sequential(
    nn.Conv2d(1, 8, 5, padding=2),
    nn.ReLU(),
    nn.Conv2d(8, 8, 3, padding=2, dilation=2),
    nn.ReLU(),
    nn.Conv2d(8, 1, 3, padding=1),
)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

for step in range(120):
    batch = torch.randint(len(x_train), (16,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 5 == 4:
        with torch.no_grad():
            found = (model(x_val) > 0).float()
        right, iou = (found == y_val).float().mean(), metric(found, y_val)
        print(
            f"step {step + 1:3d}  loss {loss:.3f}  pixel accuracy {right:.3f}  iou {iou:.3f}"
        )
