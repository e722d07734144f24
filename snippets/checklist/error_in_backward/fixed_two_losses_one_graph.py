"""Predict a sine wave and its direction with a recurrent network that keeps its state."""

import torch
from torch import nn

torch.manual_seed(0)
wave = torch.sin(torch.arange(1001) / 5)
model = nn.GRU(input_size=1, hidden_size=16)
head, direction = nn.Linear(16, 1), nn.Linear(16, 1)
loss_fn, second_loss_fn = nn.MSELoss(), nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(
    [*model.parameters(), *head.parameters(), *direction.parameters()], lr=1e-2
)

hidden = torch.zeros(1, 16)
for step in range(20):
    piece = wave[step * 50 : step * 50 + 51].unsqueeze(1)
    inputs, targets = piece[:-1], piece[1:]
    states, hidden = model(inputs, hidden)
    hidden = hidden.detach()
    second_loss = second_loss_fn(direction(states), (targets > inputs).float())
    loss = loss_fn(head(states), targets) + second_loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(
        f"step {step:2d}  loss {loss.item():.3f}  second loss {second_loss.item():.3f}"
    )
