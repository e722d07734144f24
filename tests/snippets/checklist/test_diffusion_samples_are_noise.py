"""diffusion-samples-are-noise: what it looks like, and every cause of it planted."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from snippets.checklist.diffusion_samples_are_noise import check
from tests.support.planted import Record, Run, causes, program, prove, run

PAGE = "diffusion-samples-are-noise"
COSINE = torch.cos(torch.arange(1, 101) / 101 * torch.pi / 2).square()


def shows(run: Run) -> bool:
    """Samples are more than twice as far from the nearest image as images are from each other."""
    return run.last("distance") > 2


@causes(PAGE)
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def changed(old: str, new: str, cause: str = "data-out-of-range", role: str = "fixed") -> Run:
    """A program, one that is cured unless said otherwise, with one expression replaced."""
    text = program(f"{PAGE}/{cause}", role).read_text(encoding="utf-8")
    assert text.count(old) == 1
    path = Path(tempfile.mkdtemp()) / "changed.py"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return run(path)


def test_time() -> None:
    """A sampler that counts time in steps where training counted in shares makes noise; a network without time does
    not, though its samples are worse."""
    assert shows(changed("torch.full((n,), i / 50)", "torch.full((n,), float(i))"))
    blind = changed("angle = t[:, None]", "angle = 0 * t[:, None]")
    right = run(program(f"{PAGE}/data-out-of-range", "fixed"))
    assert not shows(blind)
    assert blind.last("distance") > 1.1 * right.last("distance")


def test_prediction_set_in_the_sampler() -> None:
    """A sampler that is set to the image makes images with the network that predicts the image."""
    formula = "((x - (1 - now).sqrt() * noise) / now.sqrt())"
    assert not shows(changed(formula, "noise", "image-taken-for-noise", "broken"))


def test_ten_steps_of_ddim() -> None:
    """Ten steps of DDIM over the whole range make images, with the network whose sampler took the first five."""
    names = run(program(f"{PAGE}/fewer-steps-from-the-wrong-end", "broken")).names

    class InShares(nn.Module):
        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            predicted: Tensor = names["model"](x, t / 50)
            return predicted

    torch.manual_seed(0)
    with torch.no_grad():
        samples = ddim("noise", names["alphas_cumprod"], (50, 64), step=5)(InShares(), 50)
        assert torch.cdist(samples, names["x_train"]).amin(dim=1).mean() / names["real"] < 2


def test_pixels_at_the_last_step() -> None:
    """Betas from 1e-4 to 0.02 in 1000 steps leave pixels of 255 above the noise's deviation, pixels of 1 far below."""
    left = (1 - torch.linspace(1e-4, 0.02, 1000)).cumprod(0)[-1].sqrt().item()
    assert 1.5 < 255 * left < 2
    assert left < 0.01


def test_loss_of_one() -> None:
    """With another noise as the target the loss stays near 1; the sampler's faults leave the loss as it should be."""
    faults = ("another-noise-as-target", "fewer-steps-from-the-wrong-end")
    ended = {cause: run(program(f"{PAGE}/{cause}", "broken")).series("loss") for cause in faults}
    assert all(0.9 < loss < 1.15 for loss in ended["another-noise-as-target"][2:])
    right = run(program(f"{PAGE}/data-out-of-range", "fixed")).series("loss")
    assert max([*right[2:], *ended["fewer-steps-from-the-wrong-end"][2:]]) < 0.5


def batch(kind: str, shape: tuple[int, ...], levels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Clean and noisy images and the target of one kind."""
    clean, noise = torch.rand(shape) * 2 - 1, torch.randn(shape)
    share = levels[torch.randint(len(levels), (shape[0],))].view(-1, *[1] * (len(shape) - 1))
    target = {"noise": noise, "image": clean, "velocity": share.sqrt() * noise - (1 - share).sqrt() * clean}[kind]
    return clean, share.sqrt() * clean + (1 - share).sqrt() * noise, target


def ddim(kind: str, levels: Tensor, shape: tuple[int, ...], step: int = 1) -> Callable[[nn.Module, int], Tensor]:
    """A sampler of another form than the page's: deterministic, numbers of steps as time, respaced, clipped."""

    def sample(network: nn.Module, n: int) -> Tensor:
        x, order = torch.randn(n, *shape[1:]), list(range(len(levels) - 1, -1, -step))
        for i, following in zip(order, [*order[1:], -1], strict=True):
            now = levels[i]
            before = levels[following] if following >= 0 else torch.ones(())
            said = network(x, torch.full((n,), i))
            if kind == "image":
                clean = said
            elif kind == "velocity":
                clean = now.sqrt() * x - (1 - now).sqrt() * said
            else:
                clean = (x - (1 - now).sqrt() * said) / now.sqrt()
            clean = clean.clamp(-1, 1)
            noise = (x - now.sqrt() * clean) / (1 - now).sqrt()
            x = before.sqrt() * clean + (1 - before).sqrt() * noise
        return x

    return sample


@pytest.mark.parametrize("shape", [(16, 64), (8, 1, 8, 8), (8, 3, 16, 16)], ids=str)
@pytest.mark.parametrize("kind", ["noise", "image", "velocity"])
def test_other_samplers_and_targets(kind: str, shape: tuple[int, ...]) -> None:
    """Every kind of target with its own sampler is silent, respaced too; with the sampler of another kind it is not."""
    torch.manual_seed(0)
    clean, noisy, targets = batch(kind, shape, COSINE)
    assert not check.target_from_elsewhere(clean, noisy, targets)
    assert check.target_from_elsewhere(clean, noisy, torch.randn(shape))
    assert not check.data_unlike_the_noise(clean)
    for own in (ddim(kind, COSINE, shape), ddim(kind, COSINE, shape, step=7)):
        assert not check.sampler_takes_another_kind(own, COSINE, clean, noisy, targets)
        assert not check.starts_below_pure_noise(own, COSINE)
    for other in {"noise", "image", "velocity"} - {kind}:
        says = check.sampler_takes_another_kind(ddim(other, COSINE, shape), COSINE, clean, noisy, targets)
        assert f"predict the {kind}" in says
        assert f"of the {other}" in says


def test_sampler_that_adds_noise() -> None:
    """The page's own sampler, which adds noise and clips, is right with the noise; trained on velocity it is found."""
    names = run(program(f"{PAGE}/data-out-of-range", "fixed")).names
    sampler, levels = names["sample"], names["alphas_cumprod"]
    for seed in range(5):
        torch.manual_seed(seed)
        noise, share = torch.randn(64, 64), levels[torch.randint(50, (64, 1))]
        clean = names["x_train"][torch.randint(1797, (64,))]
        noisy = share.sqrt() * clean + (1 - share).sqrt() * noise
        velocity = share.sqrt() * noise - (1 - share).sqrt() * clean
        assert not check.sampler_takes_another_kind(sampler, levels, clean, noisy, noise)
        assert "of the noise" in check.sampler_takes_another_kind(sampler, levels, clean, noisy, velocity)


def test_guidance_in_one_batch() -> None:
    """A sampler that asks for both halves of guidance in one batch, with a label, is silent."""
    torch.manual_seed(0)
    clean, noisy, targets = batch("noise", (16, 64), COSINE)

    def sample(network: nn.Module, n: int) -> Tensor:
        class Guided(nn.Module):
            def forward(self, x: Tensor, t: Tensor) -> Tensor:
                with_label, without = network(torch.cat([x, x]), torch.cat([t, t]), y=torch.zeros(2 * n)).chunk(2)
                guided: Tensor = without + 3 * (with_label - without)
                return guided

        return ddim("noise", COSINE, (16, 64))(Guided(), n)

    assert not check.sampler_takes_another_kind(sample, COSINE, clean, noisy, targets)
    assert not check.starts_below_pure_noise(sample, COSINE)


@pytest.mark.parametrize("kind", ["noise", "image", "velocity"])
def test_samplers_as_people_write_them(kind: str) -> None:
    """Silent: images scaled back at the end, to 1 or 255; parameters asked for the device; time from 1, in shares."""
    torch.manual_seed(0)
    shape = (16, 3, 8, 8)
    clean, noisy, targets = batch(kind, shape, COSINE)
    own = ddim(kind, COSINE, shape)

    def timed(time: Callable[[Tensor], Tensor]) -> Callable[[nn.Module, int], Tensor]:
        class Timed(nn.Module):
            def __init__(self, network: nn.Module) -> None:
                super().__init__()
                self.network = network

            def forward(self, x: Tensor, t: Tensor) -> Tensor:
                said: Tensor = self.network(x, time(t))
                return said

        return lambda network, n: own(Timed(network), n)

    samplers: list[Callable[[nn.Module, int], Tensor]] = [
        lambda network, n: (own(network, n) + 1) / 2,
        lambda network, n: ((own(network, n) + 1) * 127.5).clamp(0, 255).to(torch.uint8),
        lambda network, n: own(network, n).to(next(network.parameters()).device),
        timed(lambda t: t + 1),
        timed(lambda t: (t + 1) / 100),
    ]
    for sampler in samplers:
        assert not check.sampler_takes_another_kind(sampler, COSINE, clean, noisy, targets)
        assert not check.starts_below_pure_noise(sampler, COSINE)


def test_blank_images_do_not_hide_a_target() -> None:
    """One blank image with itself as the target, 0 everywhere, leaves the answer for the others as it was."""
    torch.manual_seed(0)
    clean, noisy, targets = torch.rand(8, 64), torch.randn(8, 64), torch.randn(8, 64)
    clean[0], targets[0] = 0, 0
    assert check.target_from_elsewhere(clean, noisy, targets)
    assert not check.target_from_elsewhere(clean, noisy, clean)


def test_another_schedule_in_the_sampler() -> None:
    """A sampler with other levels of noise than those of training is right with no kind."""
    torch.manual_seed(0)
    other = (1 - torch.linspace(1e-4, 0.02, 100)).cumprod(0)
    clean, noisy, targets = batch("noise", (16, 64), COSINE)
    assert "no kind" in check.sampler_takes_another_kind(ddim("noise", other, (16, 64)), COSINE, clean, noisy, targets)


def test_schedule_that_ends_before_pure_noise() -> None:
    """The betas of 1000 steps, 1e-4 to 0.02, end before pure noise if there are 100 of them, and not with 1000."""
    for steps, ill in ((100, True), (1000, False)):
        levels = (1 - torch.linspace(1e-4, 0.02, steps)).cumprod(0)
        assert bool(check.starts_below_pure_noise(ddim("noise", levels, (2, 16)), levels)) is ill


def test_data_of_other_sizes() -> None:
    """Pixels to 255, or divided by 255 twice, are found; to 1, from −1 to 1, and latents of deviation 1 are not."""
    pixels = torch.randint(256, (8, 3, 16, 16)).float()
    for clean in (pixels / 255, pixels / 127.5 - 1, torch.randn(8, 4, 8, 8)):
        assert not check.data_unlike_the_noise(clean)
    for clean in (pixels, pixels / 255 / 255):
        assert "root mean square" in check.data_unlike_the_noise(clean)


SQUARES = [((16, 3, 24, 16), (16,), 3), ((8, 1, 8, 8), (8, 1), 2), ((8, 8, 4, 4), (8, 1, 1), 1), ((64, 64), (64,), 1)]


@pytest.mark.parametrize(("shape", "spread", "axis"), SQUARES, ids=str)
@pytest.mark.parametrize("kind", ["noise", "velocity"])
def test_levels_along_another_axis(shape: tuple[int, ...], spread: tuple[int, ...], axis: int, kind: str) -> None:
    """A level of each sample that runs along width, height or channels is found; one along the samples is not."""
    for seed in range(3):
        torch.manual_seed(seed)
        clean, noise = torch.rand(shape) * 2 - 1, torch.randn(shape)
        level = COSINE[torch.randint(len(COSINE), shape[:1])]
        for form, ill in ((spread, True), ((-1, *[1] * (len(shape) - 1)), False)):
            share = level.reshape(form)
            noisy = share.sqrt() * clean + (1 - share).sqrt() * noise
            target = noise if kind == "noise" else share.sqrt() * noise - (1 - share).sqrt() * clean
            says = check.level_of_another_sample(clean, noisy, target)
            assert f"along axis {axis}" in says if ill else not says
            assert not check.target_from_elsewhere(clean, noisy, target)
        assert not check.level_of_another_sample(clean, noisy, clean)
        assert not check.level_of_another_sample(clean, noisy, torch.randn(shape))
        assert check.target_from_elsewhere(clean, noisy, torch.randn(shape))


def test_levels_of_other_kinds() -> None:
    """One level for the whole batch, or a batch of another size than every axis: nothing is said."""
    torch.manual_seed(0)
    clean, noise = torch.rand(8, 1, 8, 8), torch.randn(8, 1, 8, 8)
    assert not check.level_of_another_sample(clean, 0.6 * clean + 0.8 * noise, noise)
    assert not check.level_of_another_sample(clean[:6], 0.6 * clean[:6] + 0.8 * noise[:6], noise[:6])


def test_sizes_that_differ() -> None:
    """With a batch that is not as long as an image is wide, the same line ends with an error."""
    with pytest.raises(RuntimeError, match=r"The size of tensor a \(12\) must match the size of tensor b \(16\)"):
        torch.rand(12) * torch.rand(12, 1, 16, 16)


def test_a_third_is_clipped() -> None:
    """Of a normal distribution with deviation 1, 32% lie outside; clipped, it is flatter by a fifth."""
    values = torch.randn(100_000, generator=torch.Generator().manual_seed(0))
    assert abs((values.abs() > 1).float().mean() - 0.317) < 0.01
    assert values.clamp(-1, 1).std() < 0.8 * values.std()
