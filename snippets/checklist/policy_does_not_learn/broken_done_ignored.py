"""Learn to walk by Q-learning: 256 walkers in a corridor with 0.3 at the near end and 1 at the far one."""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
gamma = 0.95


def observe(cells):
    """The walkers' cells as inputs of the network."""
    return nn.functional.one_hot(cells, 10).float()


def play(cells, actions):
    """One step to the left or right; who reaches an end begins again in cell 2."""
    cells = cells + 2 * actions - 1
    rewards = 0.3 * (cells == 0) + 1.0 * (cells == 9)
    done = (cells == 0) | (cells == 9)
    return torch.where(done, 2, cells), rewards, done


cells, clock = torch.full((256,), 2), torch.zeros(256)
far = ended = 0
for step in range(1, 301):
    inputs = observe(cells)
    outputs = model(inputs)
    drawn = torch.rand(256) < 0.3
    actions = torch.where(drawn, torch.randint(2, (256,)), outputs.argmax(dim=1))
    cells, rewards, done = play(cells, actions)
    clock += 1
    truncated = (clock == 100) & ~done
    with torch.no_grad():
        next_values = model(observe(cells)).amax(dim=1)
    targets = rewards + gamma * next_values
    values = outputs.gather(1, actions[:, None]).squeeze(1)
    loss = nn.functional.mse_loss(values, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    far, ended = far + (rewards == 1).sum().item(), ended + done.sum().item()
    cells, clock = torch.where(truncated, 2, cells), clock * ~(done | truncated)
    if step % 20 == 0:
        print(f"step {step:3d}  success {far / max(ended, 1):.2f}")
        far = ended = 0
