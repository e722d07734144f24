"""Find small bright squares, class 0, among walls and gravel, class 1, in noisy images of random scale."""

import torch
from torch import nn
from torch.nn.functional import interpolate, pad

torch.manual_seed(0)


def scenes(count):
    """Images of gravel with a smooth wall and a bright square, and their classes; 255 is what nobody labelled."""
    images, masks = 0.5 * torch.randn(count, 1, 24, 24), torch.ones(count, 24, 24)
    for image, mask in zip(images, masks, strict=True):
        row, column = torch.randint(0, 12, (2,))
        image[0, row : row + 12, column : column + 12] *= 0.02
        row, column = torch.randint(0, 20, (2,))
        image[0, row : row + 5, column : column + 5] += 2
        mask[row : row + 5, column : column + 5] = 0
        mask[0, :2] = 255
    return images, masks.long()


def augment(images, masks):
    """Make images smaller at random, and fill what is missing."""
    size = int(torch.randint(16, 25, ()))
    images = interpolate(images, size, mode="nearest")
    masks = interpolate(masks[:, None].float(), size, mode="nearest")[:, 0].long()
    space = (0, 24 - size, 0, 24 - size)
    return pad(images, space, value=0), pad(masks, space, value=0)


(x_train, y_train), (x_test, y_test) = scenes(200), scenes(50)
model = nn.Sequential(
    nn.Conv2d(1, 12, 3, padding=1),
    nn.ReLU(),
    nn.Conv2d(12, 12, 3, padding=1),
    nn.ReLU(),
    nn.Conv2d(12, 2, 3, padding=1),
)
loss_fn = nn.CrossEntropyLoss(ignore_index=255)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for step in range(120):
    batch = torch.randint(len(x_train), (12,))
    inputs, targets = augment(x_train[batch], y_train[batch])
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 5 == 4:
        with torch.no_grad():
            found, right = model(x_test).argmax(dim=1) == 0, y_test == 0
        iou = (found & right).sum() / (found | right).sum()
        print(f"step {step + 1:3d}  loss {loss.item():.3f}  iou {iou:.3f}")
