"""Learn to read digits, and draw on which pixels the answer depends."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
images = torch.tensor(digits.images / 16, dtype=torch.float32).unsqueeze(1)
x_train = nn.functional.interpolate(images, scale_factor=4, mode="bilinear")
y_train = torch.tensor(digits.target)
model = nn.Sequential(
    nn.Conv2d(1, 8, 3, stride=2, padding=1),
    nn.ReLU(),
    nn.Conv2d(8, 16, 3, stride=2, padding=1),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(16 * 8 * 8, 10),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def pattern(picture, period):
    """How far brightness depends on the place in a cell, in share of contrast."""
    places = picture.unfold(2, period, period).unfold(3, period, period)
    return (places.mean(dim=(0, 1, 2, 3)).std() / picture.std()).item()


losses = []
for step in range(41):
    batch = torch.randint(len(x_train), (48,))
    inputs, targets = x_train[batch].requires_grad_(), y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    saliency = inputs.grad.abs()
    if step % 4 == 0:
        shown = pattern(saliency, 2)
        print(f"step {step:2d}  loss {losses[-1]:.4f}  pattern {shown:.3f}")
