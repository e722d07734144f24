"""Fine-tune a network that reads digits on a hundred new ones."""

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
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    for step in range(steps):
        if log and step % 5 == 0:
            with torch.no_grad():
                right = model(x_test).argmax(dim=1) == y_test
            print(f"step {step:3d}  accuracy {right.float().mean():.3f}")
        batch = torch.randint(len(x), (8,))
        inputs, targets = x[batch], y[batch]
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return outputs, inputs, targets


train(x[:1200], y[:1200], 1e-3, 1000)
pretrained = {name: value.clone() for name, value in model.state_dict().items()}

# fine-tuning
x_train, y_train = x[1200:1300], y[1200:1300]
outputs, inputs, targets = train(x_train, y_train, 0.1, 100, log=True)
