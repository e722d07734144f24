"""Find small squares in noisy images, and keep the weights with the best validation score."""

import copy

import torch
from torch import nn

torch.manual_seed(0)


def scenes(count):
    """Make images with a square of 3 x 3 pixels in every fifth, and their masks."""
    masks = torch.zeros(count, 1, 24, 24)
    for mask in masks[::5]:
        row, column = torch.randint(0, 22, (2,))
        mask[0, row : row + 3, column : column + 3] = 1
    return masks + 0.5 * torch.randn_like(masks), masks


def metric(found, masks):
    """Overlap of what was found with the masks, 1 at best."""
    both, either = (
        (found * masks).flatten(1).sum(1),
        (found + masks).clamp(max=1).flatten(1).sum(1),
    )
    return (both.sum() / either.sum().clamp(min=1)).item()


x_train, y_train = scenes(300)
x_val, y_val = scenes(100)
x_test, y_test = scenes(100)
model = nn.Sequential(
    nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1)
)
loss_fn = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(30.0))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

scores = []
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
            scores.append(metric((model(x_val) > 0).float(), y_val))
        if scores[-1] == max(scores):
            best = copy.deepcopy(model.state_dict())
        print(
            f"step {step + 1:3d}  loss {loss.item():.3f}  validation score {scores[-1]:.3f}"
        )

model.load_state_dict(best)
with torch.no_grad():
    found = model(x_test) > 0
both, either = (found & (y_test > 0)).sum(), (found | (y_test > 0)).sum()
print(f"best validation score {max(scores):.3f}  iou {both / either:.3f}")
