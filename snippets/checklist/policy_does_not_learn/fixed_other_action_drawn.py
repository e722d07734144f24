"""Learn to cross a grid of 4 x 4 cells with an actor and a critic; a walk that ends in the far corner gets 1."""

import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(0)
moves = torch.tensor([[-1, 0], [1, 0], [0, -1], [0, 1]])
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 5))
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)

for step in range(1, 61):
    cells = torch.zeros(64, 2, dtype=torch.long)
    seen, taken = [], []
    with torch.no_grad():
        for _ in range(10):
            seen.append(nn.functional.one_hot(cells, 4).flatten(1).float())
            taken.append(Categorical(logits=model(seen[-1])[:, :4]).sample())
            cells = (cells + moves[taken[-1]]).clamp(0, 3)
    inputs, actions = torch.stack(seen), torch.stack(taken)
    targets = (cells == 3).all(dim=1).float().repeat(10, 1)
    outputs = model(inputs)
    dist, values = Categorical(logits=outputs[..., :4]), outputs[..., 4]
    log_probs = dist.log_prob(actions)
    advantages = targets - values.detach()
    critic_loss = (targets - values).square().mean()
    loss = -(log_probs * advantages).mean() + 0.5 * critic_loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 3 == 0:
        print(f"step {step:3d}  success {targets.mean().item():.2f}")
