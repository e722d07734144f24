"""Find the digit 8 among the others; it is rare, as a defect is."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
x = torch.tensor(digits.data / 16, dtype=torch.float32)[order]
y = torch.tensor(digits.target == 8).long()[order]
rare, common = x[y == 1], x[y == 0]
x_train = torch.cat([rare[:30], common[:1000]])
y_train = torch.cat([torch.ones(30), torch.zeros(1000)]).long()
x_val = torch.cat([rare[74:], common[1000:]])
y_val = torch.cat([torch.ones(len(rare) - 74), torch.zeros(len(common) - 1000)]).long()
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

losses = []
for epoch in range(15):
    for batch in torch.randperm(len(x_train)).split(50):
        inputs, targets = x_train[batch], y_train[batch]
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        predictions = (model(x_val).softmax(dim=1)[:, 1] > 0.5).long()
    recall = predictions[y_val == 1].float().mean().item()
    precision = (predictions * y_val).sum().item() / max(1, predictions.sum().item())
    train_loss = sum(losses[-20:]) / 20
    print(
        f"epoch {epoch:2d}  loss {train_loss:.3f}  recall {recall:.3f}  precision {precision:.3f}"
    )
