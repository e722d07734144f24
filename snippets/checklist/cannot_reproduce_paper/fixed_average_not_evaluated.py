"""Train the digit classifier of a paper, which averages the weights."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

paper = {"error": 0.042, "batch_size": 8, "lr": 0.03, "crop_ratio": 1.0}

digits = load_digits()
torch.manual_seed(0)
order = torch.randperm(len(digits.target))
images = torch.tensor(digits.images / 16, dtype=torch.float32).unsqueeze(1)[order]
y = torch.tensor(digits.target)[order]
images_train, images_test, y_train, y_test = (
    images[:1000],
    images[1000:],
    y[:1000],
    y[1000:],
)
crop_ratio = paper["crop_ratio"]  # 1.0: the whole image
x_train, x_test = images_train, images_test
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.99))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.03)

for step in range(400):
    batch = torch.randint(len(x_train), (8,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    ema.update_parameters(model)
    if step % 20 == 19:
        print(f"step {step + 1:3d}  loss {loss.item():.3f}")

model.eval()
ema.eval()
with torch.no_grad():
    test_outputs = ema(x_test)
error = (test_outputs.argmax(dim=1) != y_test).float().mean().item()
print(f"test error {error:.3f}  published error {paper['error']:.3f}")
