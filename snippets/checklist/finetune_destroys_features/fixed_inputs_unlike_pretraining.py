"""Fine-tune a network that reads digits on a hundred new ones."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
images = torch.tensor(16 * digits.data, dtype=torch.float32)[order]
y = torch.tensor(digits.target)[order]
mean, std = images[:1200].mean(), images[:1200].std()
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()


def train(x, y, lr, steps, x_test, log=False):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for step in range(steps):
        if log and step % 5 == 0:
            with torch.no_grad():
                right = model(x_test).argmax(dim=1) == y_test
            print(f"step {step:3d}  accuracy {right.float().mean():.3f}")
        batch = torch.randint(len(x), (32,))
        inputs, targets = x[batch], y[batch]
        loss = loss_fn(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return inputs, targets


y_test = y[1300:]
x_test = (images[1300:] - mean) / std
train((images[:1200] - mean) / std, y[:1200], 0.1, 400, x_test)
pretrained = {name: value.clone() for name, value in model.state_dict().items()}
with torch.no_grad():
    right = model(x_test).argmax(dim=1) == y_test
print(f"step   0  accuracy {right.float().mean():.3f}")

# fine-tuning
x_train, x_test = (images[1200:1300] - mean) / std, (images[1300:] - mean) / std
y_train = y[1200:1300]
inputs, targets = train(x_train, y_train, 0.01, 60, x_test, log=True)
