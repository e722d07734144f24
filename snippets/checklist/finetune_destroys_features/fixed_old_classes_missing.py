"""Fine-tune a network that reads digits on better images of 5 to 9."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
images = torch.tensor(digits.data, dtype=torch.float32)[order]
x = (images - images[:1200].mean()) / images[:1200].std()
y = torch.tensor(digits.target)[order]
x_test, y_test = x[1300:], y[1300:]
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()


def train(x, y, lr, steps, log=False):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for step in range(steps):
        if log and step % 20 == 0:
            with torch.no_grad():
                right = model(x_test).argmax(dim=1) == y_test
            print(f"step {step:3d}  accuracy {right.float().mean():.3f}")
        batch = torch.randint(len(x), (32,))
        inputs, targets = x[batch], y[batch]
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return outputs, inputs, targets


train(x[:1200], y[:1200], 0.1, 400)
pretrained = {name: value.clone() for name, value in model.state_dict().items()}

# fine-tuning
new = y[1200:1300] >= 5
x_train, y_train = x[1200:1300][new], y[1200:1300][new]
x_train, y_train = torch.cat([x_train, x[:100]]), torch.cat([y_train, y[:100]])
outputs, inputs, targets = train(x_train, y_train, 0.1, 400, log=True)
