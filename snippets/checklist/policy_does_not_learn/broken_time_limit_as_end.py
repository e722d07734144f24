"""Learn to walk by Q-learning: a corridor that pays 0.35 to who leaves it, and 0.05 for every step at its far end."""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(10, 2)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
gamma = 0.95


def observe(cells):
    """The walkers' cells as inputs of the network."""
    return nn.functional.one_hot(cells, 10).float()


def play(cells, actions):
    """One step to the left or right; cell 0 is the way out, and cell 9 has a wall behind it."""
    cells = (cells + 2 * actions - 1).clamp(max=9)
    return cells, 0.35 * (cells == 0) + 0.05 * (cells == 9), cells == 0


cells, clock = torch.full((512,), 4), torch.zeros(512)
far = ended = 0
for step in range(1, 501):
    inputs = observe(cells)
    outputs = model(inputs)
    drawn = torch.rand(512) < 0.3
    actions = torch.where(drawn, torch.randint(2, (512,)), outputs.argmax(dim=1))
    cells, rewards, terminated = play(cells, actions)
    clock += 1
    truncated = (clock == 12) & ~terminated
    done = terminated | truncated
    with torch.no_grad():
        next_values = model(observe(cells)).amax(dim=1)
    targets = rewards + gamma * next_values * ~done
    values = outputs.gather(1, actions[:, None]).squeeze(1)
    loss = nn.functional.mse_loss(values, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    far, ended = far + (done & (cells >= 8)).sum().item(), ended + done.sum().item()
    cells, clock = torch.where(done, 4, cells), torch.where(done, 0, clock)
    if step % 25 == 0:
        print(f"step {step:3d}  success {far / max(ended, 1):.2f}")
        far = ended = 0
