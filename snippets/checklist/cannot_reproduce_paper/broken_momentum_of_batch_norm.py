"""Train the digit classifier of a paper, whose recipe is for TensorFlow."""

import torch
from sklearn.datasets import load_digits
from torch import nn

paper = {"error": 0.07, "batch_size": 4, "lr": 0.002, "eps": 0.001}
momentum = 0.99

digits = load_digits()
torch.manual_seed(5)
order = torch.randperm(len(digits.target))
x = torch.tensor(digits.data / 16, dtype=torch.float32)[order]
y = torch.tensor(digits.target)[order]
x_train, y_train, x_test, y_test = x[:1000], y[:1000], x[1000:], y[1000:]
model = nn.Sequential(
    nn.Linear(64, 64),
    nn.BatchNorm1d(64, momentum=momentum),
    nn.ReLU(),
    nn.Linear(64, 64),
    nn.BatchNorm1d(64, momentum=momentum),
    nn.ReLU(),
    nn.Linear(64, 10),
)
loss_fn = nn.CrossEntropyLoss()
eps = paper["eps"] ** 0.5
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.002, alpha=0.9, eps=eps)

for step in range(400):
    batch = torch.randint(len(x_train), (4,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 19:
        print(f"step {step + 1:3d}  loss {loss.item():.3f}")

model.eval()
with torch.no_grad():
    test_outputs = model(x_test)
error = (test_outputs.argmax(dim=1) != y_test).float().mean().item()
print(f"test error {error:.3f}  published error {paper['error']:.3f}")
