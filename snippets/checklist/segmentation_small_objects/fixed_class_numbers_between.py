"""Find small and large squares in noisy images, which are first resized from 48 to 24 pixels."""

import torch
from torch import nn
from torch.nn.functional import interpolate

torch.manual_seed(0)


def scenes(count):
    """Make images with a large square of class 2 and a small one of class 1, and their masks."""
    masks = torch.zeros(count, 1, 48, 48)
    for mask in masks:
        row, column = torch.randint(2, 28, (2,))
        mask[0, row : row + 15, column : column + 15] = 2
        row, column = torch.randint(1, 43, (2,))
        mask[0, row : row + 5, column : column + 5] = 1
    return masks + 0.2 * torch.randn_like(masks), masks


images, masks = scenes(200)
x = interpolate(images, 24, mode="bilinear", antialias=True)
y = interpolate(masks, 24, mode="nearest").long().squeeze(1)
x_train, y_train, x_test = x[:150], y[:150], x[150:]
small = masks[150:, 0, ::2, ::2] == 1
model = nn.Sequential(
    nn.Conv2d(1, 12, 3, padding=1),
    nn.ReLU(),
    nn.Conv2d(12, 12, 3, padding=1),
    nn.ReLU(),
    nn.Conv2d(12, 3, 3, padding=1),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)

for step in range(100):
    batch = torch.randint(len(x_train), (12,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 5 == 4:
        with torch.no_grad():
            found = model(x_test).argmax(dim=1) == 1
        iou = (found & small).sum() / (found | small).sum()
        print(f"step {step + 1:3d}  loss {loss.item():.3f}  iou {iou:.3f}")
