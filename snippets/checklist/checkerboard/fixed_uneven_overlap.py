"""Make a page of handwritten digits twice as large."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
page = torch.tensor(load_digits().images[:1764] / 16, dtype=torch.float32)
page = page.view(42, 42, 8, 8).transpose(1, 2).reshape(1, 336, 336)
small = nn.functional.avg_pool2d(page, 2)
model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1),
    nn.ReLU(),
    nn.Upsample(scale_factor=2),
    nn.Conv2d(16, 1, 3, padding=1),
)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def predict(model, image):
    """Enlarge a whole page."""
    with torch.no_grad():
        return model(image[None])[0]


def pattern(errors, period):
    """How far the mean error depends on the place in a cell, in share of contrast."""
    places = errors.unfold(1, period, period).unfold(2, period, period)
    return (places.mean(dim=(0, 1, 2)).std() / page.std()).item()


losses = []
for step in range(41):
    corners = torch.randint(304, (16, 2)).tolist()
    targets = torch.stack([page[:, y : y + 32, x : x + 32] for y, x in corners])
    inputs = nn.functional.avg_pool2d(targets, 2)
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    losses.append(loss.item())
    if step % 4 == 0:
        shown = pattern(predict(model, small) - page, 2)
        print(f"step {step:2d}  loss {losses[-1]:.4f}  pattern {shown:.3f}")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
