"""Find the box around a bright rectangle, given by its centre, width and height."""

import torch
from torch import nn

torch.manual_seed(0)
images, boxes = torch.randn(600, 1, 16, 16) / 10, torch.zeros(600, 4)
for image, box in zip(images, boxes, strict=True):
    w, h = torch.randint(4, 8, (2,)).tolist()
    left, top = int(torch.randint(17 - w, ())), int(torch.randint(17 - h, ()))
    image[0, top : top + h, left : left + w] += 1
    box[:] = torch.tensor([left + w / 2, top + h / 2, w, h])
x, y = images, boxes / 16
x_train, y_train, x_test, y_test = x[:500], y[:500], x[500:], y[500:]
model = nn.Sequential(
    nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 4), nn.Sigmoid()
)
loss_fn = nn.SmoothL1Loss(beta=0.05)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def to_corners(box):
    """Left, top, right and bottom of boxes given by centre, width and height."""
    return torch.cat([box[:, :2] - box[:, 2:] / 2, box[:, :2] + box[:, 2:] / 2], dim=1)


def iou(a, b):
    """Overlap of two boxes each, by left, top, right and bottom, as a share of their union."""
    size = torch.minimum(a, b)[:, 2:] - torch.maximum(a, b)[:, :2]
    inter = size.clamp(min=0).prod(dim=1)
    area = (a[:, 2:] - a[:, :2]).prod(dim=1) + (b[:, 2:] - b[:, :2]).prod(dim=1)
    return inter / (area - inter)


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
            predicted = to_corners(model(x_test))
        actual = to_corners(y_test)
        score = iou(predicted, actual).mean().item()
        print(f"step {step:3d}  loss {loss.item():.4f}  iou {score:.3f}")
