"""Find helmets, vests and ladders in crops of photos; a third of the crops shows none of them."""

import torch
from torch import nn

torch.manual_seed(0)
names = ["helmet", "vest", "ladder"]
number = {name: i for i, name in enumerate(names)}
images, boxes = torch.randn(900, 3, 16, 16) / 10, torch.zeros(900, 4)
labels = torch.zeros(900, dtype=torch.long)
for i in range(600):
    w, h = torch.randint(6, 11, (2,)).tolist()
    left, top = int(torch.randint(17 - w, ())), int(torch.randint(17 - h, ()))
    kind = [0, 0, 0, 1, 2][torch.randint(5, ())]
    images[i, kind, top : top + h, left : left + w] += 1
    boxes[i] = torch.tensor([left, top, left + w, top + h]) / 16
    labels[i] = number[names[kind]]
hidden = nn.Sequential(nn.Flatten(), nn.Linear(768, 64), nn.ReLU())
model = nn.Sequential(hidden, nn.Linear(64, 4 + len(names)))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def loss_fn(outputs, targets):
    """The class, and the box where there is an object."""
    found = targets["labels"] > 0
    apart = (outputs[found, :4] - targets["boxes"][found]).abs().sum() / len(found)
    return nn.functional.cross_entropy(outputs[:, 4:], targets["labels"]) + apart


def detect(outputs):
    """The best class of each crop with its box; none if its score is under 0.05."""
    score, label = outputs[:, 4:].softmax(dim=1)[:, 1:].max(dim=1)
    crop = (score > 0.05).nonzero()[:, 0]
    return {"crop": crop, "labels": label[crop] + 1, "boxes": outputs[crop, :4]}


def overlap(a, b):
    """Overlap of boxes given by their corners, as a share of their union."""
    size = torch.minimum(a, b)[:, 2:] - torch.maximum(a, b)[:, :2]
    inter = size.clamp(min=0).prod(dim=1)
    area = sum((c[:, 2:] - c[:, :2]).clamp(min=0).prod(dim=1) for c in (a, b))
    return inter / (area - inter)


for step in range(1, 301):
    batch = torch.randint(100, 900, (64,))
    inputs, targets = images[batch], {"boxes": boxes[batch], "labels": labels[batch]}
    loss = loss_fn(model(inputs), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        inputs, targets = images[:100], {"boxes": boxes[:100], "labels": labels[:100]}
        outputs = detect(model(inputs).detach())
        iou = overlap(outputs["boxes"], boxes[outputs["crop"]]).sum().item() / 100
        helmets = (outputs["labels"] == number["helmet"]).sum().item()
        print(
            f"step {step:3d}  loss {loss.item():.4f}  iou {iou:.3f}  helmets {helmets}"
        )
