"""Truncated normal: closed form, timm, torch, and the claims of the page."""

import math

import pytest
import torch
from timm.layers import lecun_normal_, trunc_normal_, trunc_normal_tf_
from torch import nn

from snippets.initialization.truncated_normal_init.evidence import N, deviation
from snippets.initialization.truncated_normal_init.from_scratch import inverse_truncated_normal_
from snippets.initialization.truncated_normal_init.use import truncated_normal_, truncated_normal_std


def distribution_distance(a, b):
    """Kolmogorov-Smirnov distance of two samples."""
    both = torch.cat([a, b]).sort().values
    a, b = a.sort().values, b.sort().values
    right = (torch.searchsorted(a, both, right=True) / len(a)) - (torch.searchsorted(b, both, right=True) / len(b))
    return right.abs().max().item()


def exact(x, cut):
    """Distribution function of the unit normal cut at ``cut``."""
    inside = math.erf(cut / math.sqrt(2))
    return (torch.special.ndtr(x) - (1 - inside) / 2) / inside


@pytest.mark.parametrize("cut", [0.5, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("draw", [truncated_normal_, inverse_truncated_normal_])
def test_distribution(draw, cut):
    """Both fill from the exact distribution: Kolmogorov-Smirnov against the closed form."""
    n = 200_000
    x = (
        draw(torch.empty(n), std=0.02, cut=cut, generator=torch.Generator().manual_seed(0)).double().sort().values
        / 0.02
    )
    distance = (exact(x, cut) - torch.arange(1, n + 1) / n).abs().max().item()
    assert distance < 1.63 / math.sqrt(n)  # 1% point of the Kolmogorov distribution
    assert x.abs().max().item() <= cut * (1 + 1e-6)


@pytest.mark.parametrize("cut", [0.5, 1.0, 2.0, 3.0])
def test_std_closed_form(cut):
    """The standard deviation after the cut; 0.880 of what was asked for at cut 2."""
    x = truncated_normal_(torch.empty(1000, 1000), std=0.02, cut=cut, generator=torch.Generator().manual_seed(0))
    assert x.std().item() == pytest.approx(truncated_normal_std((1000, 1000), 0.02, cut), rel=0.003)
    assert truncated_normal_std((), 1.0, 2.0) == pytest.approx(0.8796, abs=1e-4)


def test_default_bounds_cut_nothing():
    """With std=0.02 torch's default a=-2, b=2 cut nothing: std 0.02 and values beyond 4 standard deviations."""
    torch.manual_seed(0)
    w = nn.init.trunc_normal_(torch.empty(1000, 1000), std=0.02)
    assert w.std().item() == pytest.approx(0.02, rel=0.003)
    assert (w.abs() > 0.04).float().mean().item() == pytest.approx(1 - math.erf(2 / math.sqrt(2)), rel=0.02)
    assert w.abs().max().item() > 0.08
    in_units = truncated_normal_(torch.empty(1000, 1000))
    assert in_units.abs().max().item() <= 0.04


def test_ten_million_reach_five_std():
    """Among ten million normal weights some lie beyond five standard deviations: 5.7 are expected."""
    n = 10_000_000
    beyond = (nn.init.normal_(torch.empty(n), std=0.02, generator=torch.Generator().manual_seed(0)).abs() > 0.1).sum()
    assert n * (1 - math.erf(5 / math.sqrt(2))) == pytest.approx(5.7, abs=0.05)
    assert 0 < beyond < 20


def test_figure_shows_what_is_cut(evidence):
    """trunc_normal_ at its default bounds is as wide as normal_, with equal tails; bounds at two take off 12%.

    The figure's description: a cut at two; 0.880 at 2 and 0.987 at 3. std / 0.8796 restores the width.
    """
    normal, default, cut, corrected = evidence().values()
    for drawn in (normal, default):
        counts = N / 10 * torch.tensor(drawn["density"], dtype=torch.float64)  # in bins of 0.1 from -5 to 5
        assert drawn["std"] == pytest.approx(1, abs=0.003)
        assert drawn["largest"] > 4
        below, above = counts.reshape(10, 10).sum(1).reshape(2, 5)
        for start, inside in enumerate((below.flip(0) + above).tolist()):
            share = math.erf((start + 1) / math.sqrt(2)) - math.erf(start / math.sqrt(2))
            assert inside == pytest.approx(N * share, abs=4 * math.sqrt(N * share))  # four standard errors
    assert cut["largest"] < 2 + 1e-6
    assert cut["std"] == pytest.approx(deviation(2), abs=0.003)
    assert 1 - cut["std"] == pytest.approx(0.12, abs=0.005)
    assert [round(deviation(c), 3) for c in (2, 3)] == [0.88, 0.987]
    assert corrected["std"] == pytest.approx(1, abs=0.003)


def test_normalization_hides_the_cut():
    """Behind batch norm of tiny eps weights 12% smaller give the same network; their gradients grow by 1/0.88."""
    generator = torch.Generator().manual_seed(0)
    shrink = truncated_normal_std((), 1.0, 2.0)
    weights = [
        truncated_normal_(torch.empty(64, 64).double(), math.sqrt(2 / 64), generator=generator) for _ in range(10)
    ]
    x, target = (torch.randn(256, 64, generator=generator).double() for _ in range(2))
    outputs, gradients = {}, {}
    for normalized in (True, False):
        for scale in (1.0, 1 / shrink):  # as drawn, 12% short, and corrected
            leaves = [(scale * w).requires_grad_() for w in weights]
            y = x
            for w in leaves:
                y = y @ w.T
                y = torch.relu(nn.functional.batch_norm(y, None, None, training=True, eps=1e-12) if normalized else y)
            outputs[normalized, scale] = y.detach()
            gradients[normalized, scale] = torch.autograd.grad((y * target).sum(), leaves)
    torch.testing.assert_close(outputs[True, 1.0], outputs[True, 1 / shrink])
    for drawn, corrected in zip(gradients[True, 1.0], gradients[True, 1 / shrink], strict=True):
        torch.testing.assert_close(drawn, corrected / shrink)
    assert 1 / shrink == pytest.approx(1 / 0.88, rel=1e-3)
    # Without normalization the difference compounds.
    assert outputs[False, 1.0].std() < 0.3 * outputs[False, 1 / shrink].std()


def test_bounds_are_absolute():
    """a and b are values of the weight, not multiples of std."""
    torch.manual_seed(0)
    w = nn.init.trunc_normal_(torch.empty(10_000), std=1.0, a=-0.5, b=0.25)
    assert w.min().item() == pytest.approx(-0.5, abs=0.001)
    assert w.max().item() == pytest.approx(0.25, abs=0.001)


def test_timm_counts_in_standard_deviations():
    """timm's trunc_normal_tf_ cuts the unit normal at a and b and multiplies by std afterwards: our bounds."""
    torch.manual_seed(0)
    theirs = trunc_normal_tf_(torch.empty(200_000), std=0.02)
    ours = truncated_normal_(torch.empty(200_000), std=0.02)
    assert theirs.abs().max().item() <= 0.04 * (1 + 1e-6)
    assert distribution_distance(theirs, ours) < 1.63 * math.sqrt(2 / 200_000)
    careless = nn.init.trunc_normal_(torch.empty(200_000), std=0.02)
    assert distribution_distance(theirs, careless) > 0.02


def test_timms_older_function_cuts_nothing():
    """timm's trunc_normal_ at std 0.02 and its default bounds of 2 is a plain normal distribution."""
    torch.manual_seed(0)
    theirs = trunc_normal_(torch.empty(200_000), std=0.02)
    assert theirs.abs().max().item() > 0.08
    limit = 1.63 * math.sqrt(2 / 200_000)
    assert distribution_distance(theirs, nn.init.normal_(torch.empty(200_000), std=0.02)) < limit
    assert distribution_distance(theirs, truncated_normal_(torch.empty(200_000), std=0.02)) > limit


def test_timm_corrects():
    """timm's lecun_normal_ cuts at two standard deviations and has 1/sqrt(n) afterwards, by the constant .879625…"""
    assert truncated_normal_std((), 1.0, 2.0) == pytest.approx(0.87962566103423978, abs=1e-15)
    torch.manual_seed(0)
    w = torch.empty(1000, 500)
    lecun_normal_(w)
    assert w.std().item() == pytest.approx(1 / math.sqrt(500), rel=0.004)
    assert w.abs().max().item() == pytest.approx(2 / 0.8796 / math.sqrt(500), rel=1e-3)


def test_correct_the_std():
    """Dividing std by 0.8796 gives the standard deviation asked for, as variance scaling in Keras and JAX does."""
    wanted = math.sqrt(2 / 500)
    std = wanted / truncated_normal_std((), 1.0, 2.0)
    w = truncated_normal_(torch.empty(1000, 500), std=std, generator=torch.Generator().manual_seed(0))
    assert w.std().item() == pytest.approx(wanted, rel=0.004)


def test_uncorrected_std_fades_with_depth():
    """Kaiming's std with an uncorrected cut at 2 leaves 0.774 of the second moment per ReLU layer: 3e-6 after 50."""
    assert truncated_normal_std((), 1.0, 2.0) ** 2 == pytest.approx(0.774, abs=0.001)
    torch.manual_seed(0)
    x = torch.randn(64, 256, dtype=torch.float64)
    for _ in range(50):
        w = truncated_normal_(torch.empty(256, 256, dtype=torch.float64), std=math.sqrt(2 / 256))
        x = torch.relu(x @ w.T)
    assert x.square().mean().log10().item() == pytest.approx(50 * math.log10(0.774), abs=1.0)  # 50 random factors


def test_mean_far_outside_warns():
    """A mean more than two std outside [a, b], on either side, raises a warning; just inside of that it does not."""
    for sign in (-1, 1):
        with pytest.warns(UserWarning, match=r"mean is more than 2 std from \[a, b\]"):
            nn.init.trunc_normal_(torch.empty(10), mean=sign * 4.1, std=1.0, a=-2, b=2)
        nn.init.trunc_normal_(torch.empty(10), mean=sign * 3.9, std=1.0, a=-2, b=2)  # a warning would be an error


def test_inverse_method_can_hit_the_bound():
    """In float32 the inverse method turns a uniform -1 into -infinity and clamps it: a weight of -2 at std 0.02."""
    uniform = torch.tensor(-1.0)  # uniform_(-1, 1) includes its lower end
    assert (uniform.erfinv() * 0.02 * math.sqrt(2)).clamp(-2, 2).item() == -2
    inside = math.erf(2 / math.sqrt(2))  # with bounds at two standard deviations the lower end is harmless
    assert (torch.tensor(-inside).erfinv() * math.sqrt(2)).item() == pytest.approx(-2, abs=1e-5)
    n = 100_000
    for seed in range(3):  # and torch's own function at the default bounds
        w = nn.init.trunc_normal_(torch.empty(n), std=0.02, generator=torch.Generator().manual_seed(seed))
        assert w.abs().max().item() < 0.02 * 6


def test_bad_arguments():
    """std and cut must be positive."""
    with pytest.raises(ValueError, match="must be positive"):
        truncated_normal_(torch.empty(3), std=0.0)
    with pytest.raises(ValueError, match="must be positive"):
        truncated_normal_(torch.empty(3), cut=-1.0)
