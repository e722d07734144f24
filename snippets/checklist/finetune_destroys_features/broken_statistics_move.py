"""Fine-tune the last layer of a network that reads digits on white and grey paper."""

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
body = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU())
model = nn.Sequential(body, nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()


def train(x, y, parameters, steps, log=False):
    optimizer = torch.optim.AdamW(parameters, lr=1e-3)
    for step in range(steps):
        if log and step % 5 == 0:
            model.eval()
            with torch.no_grad():
                right = model(x_test).argmax(dim=1) == y_test
            print(f"step {step:3d}  accuracy {right.float().mean():.3f}")
        model.train()
        batch = torch.randint(len(x), (32,))
        inputs, targets = x[batch], y[batch]
        loss = loss_fn(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return inputs, targets


train(x[:1200], y[:1200], model.parameters(), 400)
pretrained = {name: value.clone() for name, value in model.state_dict().items()}

# fine-tuning
body.requires_grad_(False)
x_train, y_train = 0.5 * x[1200:1300] + 1.0, y[1200:1300]
inputs, targets = train(x_train, y_train, model[1].parameters(), 100, log=True)
