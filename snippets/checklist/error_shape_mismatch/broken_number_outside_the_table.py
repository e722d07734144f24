"""Learn what sells from a table of sales."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
columns = {"weekday": 7, "shop": 40, "product": 120}  # of the table: how many values
x_train = torch.stack([torch.randint(n, (2000,)) for n in columns.values()], dim=1)
effects = [torch.randn(n) for n in columns.values()]
y_train = sum(effect[x_train[:, i]] for i, effect in enumerate(effects))
train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=100, shuffle=True)
categorical = ["product", "shop", "weekday"]  # as a report lists them


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(columns[c], 8) for c in categorical)
        self.out = nn.Sequential(nn.Linear(24, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, inputs):
        parts = [table(inputs[:, i]) for i, table in enumerate(self.tables)]
        return self.out(torch.cat(parts, dim=1)).squeeze(1)


model = Net()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

for epoch in range(3):
    for inputs, targets in train_loader:
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}  loss {loss.item():.3f}")
