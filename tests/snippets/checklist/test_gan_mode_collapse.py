"""gan-mode-collapse: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn

from snippets.checklist.gan_mode_collapse import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """In the last five lines of the log the generated points fill less than four tenths of the clouds."""
    last = run.series("coverage")[-5:]
    return sum(last) / len(last) < 0.4


@causes("gan-mode-collapse")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_a_discriminator_that_is_behind_is_no_wrong_direction() -> None:
    """Generated samples score higher than real ones, and the generator drives scores up as it should."""
    judge, real, fake = nn.Linear(2, 1), -torch.ones(8, 2), torch.ones(8, 2)
    with torch.no_grad():
        judge.weight.fill_(1.0)
    assert not check.generator_pushed_away(judge, lambda scores: -scores.mean(), real, fake)
    assert check.generator_pushed_away(judge, lambda scores: scores.mean(), fake, real)
    with torch.no_grad():
        judge.weight.mul_(1e-3)  # a critic with clipped weights
    noise = 0.1 * torch.randn(8, 2)
    assert check.generator_pushed_away(judge, lambda scores: scores.mean(), fake + noise, real + noise)
    assert not check.generator_pushed_away(judge, lambda scores: -scores.mean(), fake + noise, real + noise)


def test_a_bound_that_the_samples_do_not_keep_is_none() -> None:
    """The last module that was made need not be the last that is called."""
    gate = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid())
    assert not check.data_out_of_reach(gate, 3 * torch.ones(4, 2), torch.full((4, 2), 2.0))
    assert check.data_out_of_reach(gate, 3 * torch.ones(4, 2), torch.full((4, 2), 0.5))
    assert check.data_out_of_reach(gate, 3 * torch.ones(4, 2))


def test_dropout_and_frozen_statistics_are_no_company() -> None:
    """Only BatchNorm that uses the batch is; a whole discriminator in eval mode is asked as in training."""
    real, fake = torch.randn(64, 2) + 5, torch.randn(64, 2)
    for norm, speaks in ((nn.Identity(), False), (nn.BatchNorm1d(64).eval(), False), (nn.BatchNorm1d(64), True)):
        last = nn.Linear(64, 1)
        judge = nn.Sequential(nn.Linear(2, 64), norm, nn.Dropout(), last)
        with torch.no_grad():
            last.weight.mul_(10)
        assert bool(check.judged_by_company(judge, real, fake)) == speaks
    assert check.judged_by_company(judge.eval(), real, fake)


def test_norms_of_one_sample_share_no_slope() -> None:
    """BatchNorm that uses the batch does, on images, too; frozen, or of another kind, or with dropout, nothing does."""
    torch.manual_seed(0)
    images = torch.randn(8, 3, 8, 8)
    norms: tuple[tuple[nn.Module, bool], ...] = (
        (nn.BatchNorm2d(8), True),
        (nn.BatchNorm2d(8).eval(), False),
        (nn.InstanceNorm2d(8, affine=True), False),
        (nn.GroupNorm(4, 8), False),
        (nn.LayerNorm([8, 8, 8]), False),
        (nn.Dropout(), False),
        (nn.Identity(), False),
    )
    for norm, speaks in norms:
        body = [nn.Conv2d(3, 8, 3, padding=1), norm, nn.LeakyReLU(0.2)]
        for last in ([nn.Conv2d(8, 1, 8), nn.Flatten(0)], [nn.Conv2d(8, 1, 3)]):
            judge = nn.Sequential(*body, *last)
            assert bool(check.scores_that_share_slopes(judge, images)) == speaks, norm
            assert all(p.grad is None for p in judge.parameters())


def test_old_spectral_norm_and_frozen_weights_can_be_copied() -> None:
    """Its weight is the result of an operation; and the discriminator may be frozen in the generator's step."""
    judge = nn.Sequential(nn.utils.spectral_norm(nn.Linear(2, 64)), nn.ReLU(), nn.Linear(64, 1))
    real, fake = torch.randn(64, 2) + 5, torch.randn(64, 2)
    judge(real)
    judge.requires_grad_(False)
    assert check.discriminator_that_lags(judge, real, fake)
    assert not any(p.requires_grad for p in judge.parameters())
