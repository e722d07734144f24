"""Classify handwritten digits."""

import io
import pickle
from types import SimpleNamespace

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
scheduler_class = torch.optim.lr_scheduler.ReduceLROnPlateau
options = {"factor": 0.5, "patience": 2}
scheduler = scheduler_class(optimizer, **options)

for step in range(20):
    loss = loss_fn(model(x_train), y_train)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(
        f"step {step:2d}  loss {loss.item():.3f}  lr {scheduler.get_last_lr()[0]:.4f}"
    )
    scheduler.step(loss.item())

settings = SimpleNamespace(hidden=64, lr=1e-2)
checkpoint = io.BytesIO()
torch.save({"weights": model.state_dict(), "settings": settings}, checkpoint)
checkpoint.seek(0)
try:
    model.load_state_dict(torch.load(checkpoint)["weights"])
    print("loaded")
except (
    pickle.UnpicklingError
) as error:  # its text is long and coloured: the first sentence is enough
    raise pickle.UnpicklingError(str(error).partition(".")[0]) from None
