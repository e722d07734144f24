"""Classify handwritten digits in changing light."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data * 15.9).to(torch.uint8)
y_train = torch.tensor(digits.target)


def augment(x):
    """Change the brightness at random, then scale to 0...1."""
    shift = int(torch.randint(-50, 51, ()))
    return (x.int() + shift).clamp(0, 255) / 255


model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

for step in range(300):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = augment(x_train[batch]), y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 9:
        accuracy = (outputs.argmax(dim=1) == targets).float().mean().item()
        print(f"step {step + 1:3d}  loss {loss.item():.3f}  accuracy {accuracy:.2f}")
