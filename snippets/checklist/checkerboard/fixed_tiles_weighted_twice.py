"""Clean a scanned page that is too large for one pass, tile by tile."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
page = torch.tensor(1 - load_digits().images[:1764] / 16, dtype=torch.float32)
page = page.view(42, 42, 8, 8).transpose(1, 2).reshape(1, 336, 336)[:, :236, :236]
scan = page + 0.1 * torch.randn_like(page)
model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU())
model.append(nn.Conv2d(8, 1, 3, padding=1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
ramp = torch.linspace(-1, 1, 36).square().mul(-2).exp()
window = ramp[:, None] * ramp


def predict(model, image):
    """Apply the model to overlapping tiles, and blend what it says."""
    total, weight = torch.zeros_like(image), torch.zeros_like(image)
    with torch.no_grad():
        for y in range(0, image.shape[-2] - 35, 25):
            for x in range(0, image.shape[-1] - 35, 25):
                tile = image[..., y : y + 36, x : x + 36]
                total[..., y : y + 36, x : x + 36] += model(tile) * window
                weight[..., y : y + 36, x : x + 36] += window
    return total / weight


def pattern(errors, period):
    """How far the mean error depends on the place in a cell, in share of contrast."""
    places = errors.unfold(1, period, period).unfold(2, period, period)
    return (places.mean(dim=(0, 1, 2)).std() / page.std()).item()


losses = []
for step in range(101):
    y, x = torch.randint(236 - 64, (2,)).tolist()
    inputs = scan[None, :, y : y + 64, x : x + 64]
    targets = page[None, :, y : y + 64, x : x + 64]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        shown = pattern(predict(model, scan) - page, 25)
        print(f"step {step:3d}  loss {losses[-1]:.4f}  pattern {shown:.3f}")
