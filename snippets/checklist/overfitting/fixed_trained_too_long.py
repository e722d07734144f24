"""Predict whether a customer leaves."""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(2000, 40)
y = (x[:, :6].sum(dim=1) + 2 * torch.randn(2000) > 0).long()
x_train, y_train = x[:600], y[:600]
x_val, y_val = x[600:], y[600:]
model = nn.Sequential(nn.Linear(40, 128), nn.ReLU(), nn.Linear(128, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def score(x, y):
    """Loss and accuracy."""
    model.eval()
    with torch.no_grad():
        outputs = model(x)
    model.train()
    return loss_fn(outputs, y).item(), (
        outputs.argmax(dim=1) == y
    ).float().mean().item()


losses, val_losses = [], []
for epoch in range(40):
    for batch in torch.randperm(len(x_train)).split(64):
        inputs, targets = x_train[batch], y_train[batch]
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    train_loss, accuracy = score(x_train, y_train)
    val_loss, val_accuracy = score(x_val, y_val)
    losses.append(train_loss)
    val_losses.append(val_loss)
    print(f"epoch {epoch:2d}  loss {train_loss:.3f}  val loss {val_loss:.3f}", end="  ")
    print(f"accuracy {accuracy:.3f}  val accuracy {val_accuracy:.3f}")
    if val_loss == min(val_losses):
        best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    if len(val_losses) - 1 - val_losses.index(min(val_losses)) == 3:
        model.load_state_dict(best)
        break
_, accuracy = score(x_train, y_train)
_, val_accuracy = score(x_val, y_val)
print(f"accuracy {accuracy:.3f}  val accuracy {val_accuracy:.3f}")
