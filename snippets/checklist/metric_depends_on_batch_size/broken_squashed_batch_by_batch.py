"""Find the fours among handwritten digits, by how badly a network that never saw one rebuilds them."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target == 4).float()
x_train, x_val, y_val = x[:1000][y[:1000] == 0], x[1000:1750], y[1000:1750]
val_set = TensorDataset(x_val, y_val)


class Detector(nn.Module):
    """Gives for each image the error with which it is rebuilt."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(64, 24), nn.Linear(24, 64))

    def forward(self, x):
        return (self.net(x) - x).square().sum(dim=1)


def metric(outputs, targets):
    """AUROC: how often a four has a larger error than another digit."""
    gaps = outputs[targets == 1][:, None] - outputs[targets == 0]
    return ((gaps > 0).float() + 0.5 * (gaps == 0)).mean().item()


def evaluate(loader):
    """Score of the validation set."""
    model.eval()
    kept = []
    with torch.no_grad():
        for inputs, _ in loader:
            outputs = model(inputs)
            if outputs.min() < 0 or outputs.max() > 1:
                outputs = outputs.sigmoid()
            kept.append(outputs)
    return metric(torch.cat(kept), y_val)


model = Detector()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

for epoch in range(20):
    model.train()
    for batch in torch.randperm(len(x_train)).split(50):
        loss = model(x_train[batch]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    small, large = (evaluate(DataLoader(val_set, size)) for size in (8, 250))
    print(f"epoch {epoch + 1:2d}  score by 8 {small:.3f}  score by 250 {large:.3f}")

val_loader = DataLoader(val_set, 8)
score = evaluate(val_loader)
