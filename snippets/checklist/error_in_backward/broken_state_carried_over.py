"""Predict the next value of a sine wave with a recurrent network that keeps its state."""

import torch
from torch import nn

torch.manual_seed(0)
wave = torch.sin(torch.arange(1001) / 5)
rnn = nn.GRU(input_size=1, hidden_size=16)
head = nn.Linear(16, 1)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam([*rnn.parameters(), *head.parameters()], lr=1e-2)

hidden = torch.zeros(1, 16)
for step in range(20):
    piece = wave[step * 50 : step * 50 + 51].unsqueeze(1)
    inputs, targets = piece[:-1], piece[1:]
    states, hidden = rnn(inputs, hidden)
    loss = loss_fn(head(states), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"step {step:2d}  loss {loss.item():.3f}")
