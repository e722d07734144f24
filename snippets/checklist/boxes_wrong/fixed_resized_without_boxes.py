"""Find the red or green rectangle in pictures of different sizes: its colour, and its box by centre and size."""

import torch
from torch import nn
from torch.nn.functional import interpolate

torch.manual_seed(0)
images, boxes, labels = [], torch.zeros(900, 4), torch.randint(2, (900,))
for box, label in zip(boxes, labels, strict=True):
    height, width = torch.randint(16, 81, (2,)).tolist()
    w, h = (
        int(width * (0.25 + torch.rand(()) / 4)),
        int(height * (0.25 + torch.rand(()) / 4)),
    )
    left, top = int(torch.randint(width - w, ())), int(torch.randint(height - h, ()))
    image = torch.randn(2, height, width) / 10
    image[label, top : top + h, left : left + w] += 1
    images.append(image)
    box[:] = torch.tensor([left + w / 2, top + h / 2, w, h])
x = torch.cat([interpolate(image[None], size=(16, 16)) for image in images])
wide = torch.tensor([[16 / image.shape[2], 16 / image.shape[1]] for image in images])
y = boxes * wide.repeat(1, 2)
x_train, y_train, x_test, y_test = x[:800], y[:800], x[800:], y[800:]
model = nn.Sequential(nn.Flatten(), nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 6))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def iou(a, b):
    """Overlap of two boxes each, as a share of their union."""
    low = torch.maximum(a[:, :2] - a[:, 2:] / 2, b[:, :2] - b[:, 2:] / 2)
    high = torch.minimum(a[:, :2] + a[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2)
    inter = (high - low).clamp(min=0).prod(dim=1)
    return inter / (a[:, 2:].prod(dim=1) + b[:, 2:].prod(dim=1) - inter)


def loss_fn(outputs, targets):
    """How far the boxes are away, and the colours."""
    apart = nn.functional.l1_loss(outputs[:, :4], targets["boxes"])
    colour = nn.functional.cross_entropy(outputs[:, 4:], targets["labels"])
    return apart + 0.1 * colour


for step in range(1, 201):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], {"boxes": y_train[batch], "labels": labels[batch]}
    loss = loss_fn(model(inputs), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        inputs, targets = x_test, {"boxes": y_test, "labels": labels[800:]}
        found = model(inputs).detach()
        outputs = {"boxes": found[:, :4], "labels": found[:, 4:].argmax(dim=1)}
        right = (outputs["labels"] == targets["labels"]).float().mean().item()
        score = iou(outputs["boxes"], y_test).mean().item()
        print(
            f"step {step:3d}  loss {loss.item():.4f}  iou {score:.3f}  right {right:.2f}"
        )
