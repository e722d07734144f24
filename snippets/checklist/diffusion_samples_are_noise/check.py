"""Why a diffusion model's samples stay noise: call these with a batch of training, and with the sampler."""

import torch
from torch import nn


def data_unlike_the_noise(clean):
    """Compare the size of the data with that of the noise, whose deviation is 1."""
    size = clean.detach().float().square().mean().sqrt().item()
    if size > 2 or size < 0.05:
        low, high = clean.min().item(), clean.max().item()
        return f"the data reach from {low:g} to {high:g}, {size:.2g} in root mean square; the noise has 1"


def explained(clean, noisy, targets, axis=0):
    """How much of the target two numbers for each place along an axis explain: for each sample, or each column."""
    flat = [
        v.detach().double().movedim(axis, 0).flatten(1) for v in (noisy, clean, targets)
    ]
    known, wanted = torch.stack(flat[:2], dim=2), flat[2][..., None]
    rest = wanted - known @ (torch.linalg.pinv(known) @ wanted)
    return 1 - (rest.square().sum((1, 2)) / wanted.square().sum((1, 2))).nanmedian()


def target_from_elsewhere(clean, noisy, targets):
    """Ask whether the target can be told from the noisy and the clean image together, as noise and velocity can."""
    if clean[0].numel() < 16:
        return None  # two numbers for each sample are fitted: they would fit a few values by chance
    share = explained(clean, noisy, targets)
    if share < 0.9 and not level_of_another_sample(clean, noisy, targets):
        return f"noisy and clean images explain {share:.0%} of the target: it is not the noise that was added"


def level_of_another_sample(clean, noisy, targets):
    """Ask whether the noise level changes within a sample, along an axis as long as the batch; not for images as targets."""
    for axis in range(1, clean.dim()):
        if clean.shape[axis] != len(clean) or clean[0].numel() < 16:
            continue
        by_sample, by_place = (explained(clean, noisy, targets, n) for n in (0, axis))
        if by_sample < 0.99 < by_place:
            return (
                f"the noise level belongs to a place along axis {axis}, not to a sample: with one level for each place, "
                f"noisy and clean images explain {by_place:.0%} of the target, with one for each sample {by_sample:.0%}"
            )


def sampler_takes_another_kind(sample, alphas_cumprod, clean, noisy, targets):
    """Give the sampler a network that knows the images: each step should leave them with as much noise as in training.

    `sample(network, n)` is your sampler; time is a number of a step, or a share of all. Costs three samplings.
    """
    known = torch.stack([noisy.flatten(1), clean.flatten(1)], dim=2).detach().double()
    wanted = targets.detach().flatten(1).double()[..., None]
    weights = torch.linalg.pinv(known) @ wanted
    if (wanted - known @ weights).square().mean() > 0.1 * wanted.square().mean():
        return None  # the target is none of the three
    of_noisy, of_clean = weights.abs().median(dim=0).values[:, 0]
    trained = "noise" if of_clean < of_noisy else "velocity"
    trained = "image" if of_noisy < 0.05 else trained
    images, off, steps = clean[:8].detach(), {}, len(alphas_cumprod)

    class Knows(nn.Module):
        def __init__(self, kind):
            super().__init__()
            self.kind, self.sizes = kind, []
            # Samplers ask the parameters for the device.
            self.device_of = nn.Parameter(torch.zeros_like(images[0]))

        def forward(self, x, t, *_, **__):
            t = torch.as_tensor(t).flatten()[0]
            i = int((t * steps if t.is_floating_point() and t <= 1 else t).round())
            share = alphas_cumprod[min(i, steps - 1)]
            clean = torch.cat([images] * (len(x) // len(images)))  # guidance: n or 2n
            noise = (x - share.sqrt() * clean) / (1 - share).sqrt()
            velocity = share.sqrt() * noise - (1 - share).sqrt() * clean
            self.sizes.append(noise.square().mean().sqrt())
            return {"noise": noise, "image": clean, "velocity": velocity}[self.kind]

    with torch.no_grad(), torch.random.fork_rng():
        for kind in ("noise", "image", "velocity"):
            network = Knows(kind)
            torch.manual_seed(0)
            got = sample(network, len(images)).flatten().double()
            alike = torch.corrcoef(torch.stack([got, images.flatten().double()]))[0, 1]
            left = (2 - 2 * alike).clamp(min=0).sqrt()  # scaled back is no fault
            path = torch.stack(network.sizes).log().abs().mean()
            off[kind] = float(path + left)
    taken = min(off, key=lambda kind: off[kind])
    if off[taken] > 0.2 or off[trained] > 2 * off[taken] + 0.02:
        right = f"of the {taken}" if off[taken] < 0.2 else "of no kind"
        return f"the network learns to predict the {trained}; the sampler is right with a prediction {right}"


def starts_below_pure_noise(sample, alphas_cumprod):
    """Ask for which step the sampler first calls the network, and how much of an image is left there in training.

    `sample(network, n)` is your sampler; time is a number of a step, or a share of all. Costs one sampling.
    """
    times, steps = [], len(alphas_cumprod)

    class Listens(nn.Module):
        def __init__(self):
            super().__init__()
            # Samplers ask the parameters for the device.
            self.device_of = nn.Parameter(torch.zeros_like(alphas_cumprod))

        def forward(self, x, t, *_, **__):
            times.append(torch.as_tensor(t).flatten()[0])
            return x

    with torch.no_grad(), torch.random.fork_rng():
        sample(Listens(), 2)
    t = times[0]
    i = int((t * steps if t.is_floating_point() and t <= 1 else t).round())
    left = alphas_cumprod[min(i, steps - 1)].sqrt().item()
    if left > 0.25:
        return f"the first step asked for is {i} of {steps}: in training, images there keep {left:.0%} of their size"
