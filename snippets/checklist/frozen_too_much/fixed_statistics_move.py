"""Train the new layers of a network whose encoder is to stay as it is."""

from collections import OrderedDict

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
encoder = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU())
encoder_proj, head = nn.Linear(64, 32), nn.Linear(32, 10)
layers = {
    "encoder": encoder.eval(),
    "encoder_proj": encoder_proj,
    "relu": nn.ReLU(),
    "head": head,
}
model = nn.Sequential(OrderedDict(layers))
start = {
    name: value.clone()
    for name, value in model.state_dict().items()
    if value.is_floating_point()
}
frozen = [name for name in start if name.startswith("encoder.")]
trained = [name for name in start if name not in frozen]


def moved(names):
    """How far each tensor is from its start."""
    return [
        (model.state_dict()[name] - start[name]).abs().max().item() for name in names
    ]


for weight in encoder.parameters():
    weight.requires_grad_(False)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)

model.train()
encoder.eval()
for step in range(100):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    loss = loss_fn(model(inputs), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 9:
        moves = f"frozen moved {max(moved(frozen)):.5f}  trained moved {min(moved(trained)):.5f}"
        print(f"step {step:2d}  loss {loss.item():.3f}  {moves}")
