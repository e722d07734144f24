"""Find the digit 8 among the others; it is rare, as a defect is."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target == 8).long()
order = torch.randperm(len(x))
x_train, y_train = x[order[:1200]], y[order[:1200]]
x_val, y_val = x[order[1200:]], y[order[1200:]]
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
loss_fn = nn.CrossEntropyLoss(ignore_index=-100)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

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
