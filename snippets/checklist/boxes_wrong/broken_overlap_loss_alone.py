"""Find the box around a bright rectangle, given by its centre, width and height."""

import torch
from torch import nn

torch.manual_seed(0)
images, boxes = torch.randn(600, 1, 16, 16) / 10, torch.zeros(600, 4)
for image, box in zip(images, boxes, strict=True):
    w, h = torch.randint(4, 8, (2,)).tolist()
    left, top = int(torch.randint(4, 17 - w, ())), int(torch.randint(4, 17 - h, ()))
    image[0, top : top + h, left : left + w] += 1
    box[:] = torch.tensor([left + w / 2, top + h / 2, w, h])
x_train, y_train, x_test, y_test = images[:500], boxes[:500], images[500:], boxes[500:]
model = nn.Sequential(nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def iou(a, b):
    """Overlap of two boxes each, as a share of their union; a width is at least 1."""
    a = torch.cat([a[:, :2], a[:, 2:].clamp(min=1)], dim=1)
    low = torch.maximum(a[:, :2] - a[:, 2:] / 2, b[:, :2] - b[:, 2:] / 2)
    high = torch.minimum(a[:, :2] + a[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2)
    inter = (high - low).clamp(min=0).prod(dim=1)
    return inter / (a[:, 2:].prod(dim=1) + b[:, 2:].prod(dim=1) - inter)


def loss_fn(outputs, targets):
    """How far the boxes are from the objects."""
    return 1 - iou(outputs, targets).mean()


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
            score = iou(model(x_test), y_test).mean().item()
        print(f"step {step:3d}  loss {loss.item():.4f}  iou {score:.3f}")
