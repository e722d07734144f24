"""Remember whether a sequence began with a high or a low number."""

import torch
from torch import nn


class Net(nn.Module):
    """A recurrent layer, and an answer after the last step."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(1, 32, batch_first=True)
        self.last = nn.Linear(32, 2)

    def forward(self, x):
        return self.last(self.rnn(x)[0][:, -1])


torch.manual_seed(0)
x_train = torch.randn(1000, 60, 1)
y_train = (x_train[:, 0, 0] > 0).long()
model = Net()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def norm(gradient, time):
    """The norm of the gradient of the inputs at one time."""
    return gradient[:, time].norm()


for step in range(60):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch].requires_grad_(), y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    if step % 5 == 0:
        first, last = norm(inputs.grad, 0), norm(inputs.grad, -1)
        print(
            f"step {step:3d}  loss {loss.item():.3f}  first gradient {first:.1e}  last gradient {last:.1e}"
        )
    optimizer.step()
