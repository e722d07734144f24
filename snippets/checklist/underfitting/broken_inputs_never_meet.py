"""Tell points on the two blades of a propeller from points beside them, by features of three planes."""

import torch
from torch import nn

torch.manual_seed(0)
x = 2 * torch.rand(2400, 3) - 1
turn = torch.atan2(x[:, 1], x[:, 2])
y = (torch.sin(2 * turn) > 0).long()
x_train, y_train = x[:2000], y[:2000]
x_val, y_val = x[2000:], y[2000:]


class Planes(nn.Module):
    """A small network for each plane through two of the axes; what they find is added."""

    def __init__(self):
        super().__init__()
        self.axes = [(0, 1), (0, 2), (2, 0)]
        self.nets = nn.ModuleList(
            nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 2))
            for _ in self.axes
        )

    def forward(self, x):
        return sum(
            net(x[:, list(pair)])
            for net, pair in zip(self.nets, self.axes, strict=True)
        )


model = Planes()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)


def score(x, y):
    """Loss and accuracy."""
    with torch.no_grad():
        outputs = model(x)
    accuracy = (outputs.argmax(dim=1) == y).float().mean()
    return loss_fn(outputs, y).item(), accuracy.item()


for epoch in range(12):
    for batch in torch.randperm(len(x_train)).split(100):
        inputs, targets = x_train[batch], y_train[batch]
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    train_loss, accuracy = score(x_train, y_train)
    _, val_accuracy = score(x_val, y_val)
    print(
        f"epoch {epoch:2d}  loss {train_loss:.3f}  accuracy {accuracy:.3f}  val accuracy {val_accuracy:.3f}"
    )
