"""Which side of a GAN fails, and why: call these after some training, with the last batch; they change nothing."""

import copy

import torch
from torch import nn


def copy_of(network):
    """Copy a network, also one whose spectral norm or weight norm keeps the result of an operation as its weight."""
    made = [
        v
        for m in network.modules()
        for v in vars(m).values()
        if torch.is_tensor(v) and not v.is_leaf
    ]
    return copy.deepcopy(network, {id(v): v.detach().clone() for v in made})


def discriminator_left_out(discriminator, optimizer_d):
    """Ask whether the discriminator's optimizer holds the discriminator's weights."""
    held = {id(p) for group in optimizer_d.param_groups for p in group["params"]}
    weights = [p for p in discriminator.parameters() if p.requires_grad]
    missing = [p for p in weights if id(p) not in held]
    if missing:
        return f"the optimizer of the discriminator lacks {len(missing)} of its {len(weights)} tensors of weights"


def generator_pushed_away(discriminator, generator_loss, inputs, fake):
    """Ask, where real samples get the higher scores, whether a smaller loss of the generator means higher scores."""
    judge = copy_of(discriminator).eval()
    with torch.enable_grad(), torch.random.fork_rng():
        scores = judge(fake.detach()).detach().requires_grad_()
        (slope,) = torch.autograd.grad(generator_loss(scores), scores)
        gap = (judge(inputs).mean() - scores.mean()).item()
    known = gap > 0.5 or gap > scores.std().item() > 0  # a critic's scores may be small
    if known and slope.mean() > 0:
        return f"real samples score {gap:+.2g} against generated ones, and the generator's loss drives scores down"


def data_out_of_reach(generator, inputs, fake=None):
    """Look for real values that a bounded last layer cannot make, nor did make."""
    bounds = {nn.Tanh: (-1, 1), nn.Hardtanh: (-1, 1), nn.Sigmoid: (0, 1)}
    low, high = bounds.get(type(list(generator.modules())[-1]), (None, None))
    if low is None or (fake is not None and (fake.min() < low or fake.max() > high)):
        return None
    outside = ((inputs < low - 1e-3) | (inputs > high + 1e-3)).float().mean().item()
    if outside > 0.01:
        return f"{outside:.0%} of the real values lie outside {low} … {high}, where all generated ones lie"


def judged_by_company(discriminator, inputs, fake):
    """Compare the scores of generated samples alone with their scores beside real ones in the same batch."""
    judge, fake = copy_of(discriminator).eval(), fake.detach()
    for old, new in zip(discriminator.modules(), judge.modules(), strict=True):
        counts = isinstance(
            new, nn.modules.batchnorm._BatchNorm
        )  # no dropout, which would differ as well
        new.training = counts and (old.training or not discriminator.training)
    with torch.no_grad(), torch.random.fork_rng():
        alone = judge(fake)
        beside = judge(torch.cat([fake, inputs]))[: len(fake)]
    change = (alone - beside).abs().mean().item()
    if change > 0.5:
        return f"beside real samples, generated ones score {beside.mean():.1f}, and alone {alone.mean():.1f}"


def scores_that_share_slopes(discriminator, inputs):
    """Measure how much of one sample's score hangs on the other samples: a penalty on each slope wants nothing of it."""
    judge = copy_of(discriminator)
    for module in judge.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.eval()
    x = inputs.detach().clone().requires_grad_()
    with torch.enable_grad(), torch.random.fork_rng():
        (slope,) = torch.autograd.grad(judge(x)[0].sum(), x)
    size = slope.flatten(1).abs().sum(dim=1)
    others = (size[1:].sum() / size.sum().clamp(min=1e-30)).item()
    if others > 0.01:
        return f"{others:.0%} of the slope of a sample's score is towards the other samples of its batch"


def discriminator_that_lags(discriminator, inputs, fake):
    """Train a copy of the discriminator while the generator stands still, and score it on the other half of the batch.

    Costs 100 steps of the discriminator on half a batch.
    """
    judge, half = copy_of(discriminator).requires_grad_(), len(inputs) // 2
    optimizer = torch.optim.Adam(judge.parameters(), lr=2e-3)
    bce = nn.functional.binary_cross_entropy_with_logits

    def loss(real, generated):
        real, generated = judge(real), judge(generated.detach())
        return bce(real, torch.ones_like(real)) + bce(
            generated, torch.zeros_like(generated)
        )

    with torch.enable_grad(), torch.random.fork_rng():
        before = loss(inputs[half:], fake[half:]).item()
        for _ in range(100):
            optimizer.zero_grad()
            loss(inputs[:half], fake[:half]).backward()
            optimizer.step()
        after = loss(inputs[half:], fake[half:]).item()
    if before > 0.7 and before - after > 0.3:
        return f"100 steps with the generator at rest take the discriminator's loss from {before:.2f} to {after:.2f}"
