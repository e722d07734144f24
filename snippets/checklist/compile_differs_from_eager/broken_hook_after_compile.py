"""Classify digits with a few hidden units; the others are pruned by a hook."""

import torch
from sklearn.datasets import load_digits
from torch import nn

digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
loss_fn = nn.CrossEntropyLoss()
kept = (torch.rand(64, generator=torch.Generator().manual_seed(0)) < 0.05).float()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(64, 64), nn.Linear(64, 10)

    def forward(self, inputs):
        return self.last(self.first(inputs).relu())


def train(compiled):
    """Train with or without compilation; give back what is left at the end."""
    torch.manual_seed(0)
    net = Net()
    losses = []
    model = torch.compile(net, backend="eager") if compiled else net
    model(x_train[:64])  # a dry run, to see that shapes fit
    net.first.register_forward_hook(lambda module, args, output: output * kept)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(200):
        batch = torch.randint(len(x_train), (64,))
        inputs, targets = x_train[batch], y_train[batch]
        loss = loss_fn(model(inputs), targets)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model, optimizer, inputs, losses


_, _, _, eager = train(compiled=False)
model, optimizer, inputs, losses = train(compiled=True)
for step in range(0, 200, 10):
    pair = f"eager loss {eager[step]:.3f}  compiled loss {losses[step]:.3f}"
    print(f"step {step:3d}  {pair}")
