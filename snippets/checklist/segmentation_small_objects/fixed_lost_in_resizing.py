"""Find small squares in noisy images, which are first resized from 96 to 24 pixels."""

import torch
from torch import nn
from torch.nn.functional import adaptive_max_pool2d, interpolate

torch.manual_seed(0)


def scenes(count):
    """Make images with one square of 2 x 2 pixels each, and their masks."""
    masks = torch.zeros(count, 1, 96, 96)
    for mask in masks:
        row, column = torch.randint(0, 95, (2,))
        mask[0, row : row + 2, column : column + 2] = 1
    return 8 * masks + 0.5 * torch.randn_like(masks), masks


images, masks = scenes(250)
x = interpolate(images, 24, mode="area")
y = adaptive_max_pool2d(masks, 24)
x_train, y_train, x_test = x[:200], y[:200], x[200:]
y_test = adaptive_max_pool2d(masks[200:], 24)  # a cell with any part of a square
model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1)
)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.03)

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
            found = model(x_test) > 0
        both, either = (found & (y_test > 0)).sum(), (found | (y_test > 0)).sum()
        print(f"step {step + 1:3d}  loss {loss.item():.3f}  iou {both / either:.3f}")
