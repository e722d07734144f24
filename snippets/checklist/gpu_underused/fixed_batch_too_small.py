"""Classify handwritten digits."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

batch_size = 64
profiled_steps = 10
with torch.profiler.profile() as profiler:
    for _ in range(profiled_steps):
        batch = torch.randint(len(x_train), (batch_size,))
        inputs, targets = x_train[batch], y_train[batch]
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

counts = {row.key: row.count for row in profiler.key_averages()}
operations = sum(counts.values()) / profiled_steps / batch_size
waits = counts.get("aten::_local_scalar_dense", 0) / profiled_steps
print(f"operations per sample {operations:.1f}  waits per step {waits:.1f}")
