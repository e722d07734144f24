"""Find the box around a bright rectangle in pictures of different sizes, given by centre, width and height."""

import torch
from torch import nn
from torch.nn.functional import interpolate

torch.manual_seed(0)
images, boxes = [], torch.zeros(600, 4)
for box in boxes:
    height, width = torch.randint(16, 81, (2,)).tolist()
    w, h = (
        int(width * (0.25 + torch.rand(()) / 4)),
        int(height * (0.25 + torch.rand(()) / 4)),
    )
    left, top = int(torch.randint(width - w, ())), int(torch.randint(height - h, ()))
    image = torch.randn(1, height, width) / 10
    image[0, top : top + h, left : left + w] += 1
    images.append(image)
    box[:] = torch.tensor([left + w / 2, top + h / 2, w, h])
x = torch.cat([interpolate(image[None], size=(16, 16)) for image in images])
wide = torch.tensor([[16 / image.shape[2], 16 / image.shape[1]] for image in images])
y = boxes
x_train, y_train, x_test, y_test = x[:500], y[:500], x[500:], y[500:]
model = nn.Sequential(nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 4))
loss_fn = nn.L1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def iou(a, b):
    """Overlap of two boxes each, as a share of their union."""
    low = torch.maximum(a[:, :2] - a[:, 2:] / 2, b[:, :2] - b[:, 2:] / 2)
    high = torch.minimum(a[:, :2] + a[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2)
    inter = (high - low).clamp(min=0).prod(dim=1)
    return inter / (a[:, 2:].prod(dim=1) + b[:, 2:].prod(dim=1) - inter)


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
