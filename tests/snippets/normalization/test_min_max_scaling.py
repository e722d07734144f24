"""Min-max scaling: against scikit-learn and torchvision, closed forms, and the claims of its page."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.preprocessing import MinMaxScaler
from torch import Tensor, nn

from snippets.normalization.min_max_scaling.evidence import FACTORS, SEEDS, accuracy, min_max
from snippets.normalization.min_max_scaling.from_scratch import bounds, scale, unscale
from snippets.normalization.min_max_scaling.use import MinMax, scale_image


def table(constant: bool = False) -> Tensor:
    """200 samples of three features of different ranges."""
    torch.manual_seed(0)
    x = torch.randn(200, 3, dtype=torch.float64) * torch.tensor([0.1, 1.0, 1e4]) + torch.tensor([5.0, 0.0, 1e5])
    if constant:
        x[:, 1] = 0.1
    return x


@pytest.mark.parametrize("to", [(0.0, 1.0), (-1.0, 1.0), (2.0, 5.0)])
@pytest.mark.parametrize("constant", [False, True])
def test_equals_scikit_learn(to: tuple[float, float], constant: bool) -> None:
    """Bounds of batches are those of all data; scaling equals MinMaxScaler's in three ranges; the way back is exact."""
    x = table(constant)
    low, high = bounds(x.split(37))
    assert torch.equal(low, x.amin(dim=0))
    assert torch.equal(high, x.amax(dim=0))
    z = scale(x, low, high, to)
    assert torch.allclose(z, torch.from_numpy(MinMaxScaler(to).fit_transform(x.numpy())), atol=1e-12)
    assert ((unscale(z, low, high, to) - x) / x.abs().amax(dim=0)).abs().max() < 1e-12
    with pytest.raises(ValueError, match="no batch"):
        bounds([])


@pytest.mark.parametrize("clip", [False, True])
def test_layer_equals_scikit_learn(clip: bool) -> None:
    """On training data and on wider new data; inverse gives back what was not clipped."""
    x, new = table(), 1.5 * table()
    layer, reference = MinMax.fit(x, clip=clip), MinMaxScaler((-1, 1), clip=clip).fit(x.numpy())
    for given in (x, new):
        assert torch.allclose(layer(given), torch.from_numpy(reference.transform(given.numpy())), atol=1e-12)
        if given is x or not clip:
            assert torch.allclose(layer.inverse(layer(given)), given, rtol=1e-12)
    assert (layer(new).abs().max() <= 1) == clip
    x[3, 1] = math.nan
    with pytest.raises(ValueError, match="NaN or inf"):
        MinMax.fit(x)


def test_equals_torchvision() -> None:
    """All 256 values of uint8: scale_image is to_dtype(scale=True), then Normalize(0.5, 0.5); others are refused."""
    from torchvision.transforms.v2.functional import normalize, to_dtype

    image = torch.arange(256, dtype=torch.uint8).view(1, 16, 16)
    expected = normalize(to_dtype(image, torch.float32, scale=True), [0.5], [0.5])
    assert torch.allclose(scale_image(image), expected, atol=1e-6)
    for dtype in (torch.float32, torch.float16, torch.bool, torch.int16, torch.int64):
        with pytest.raises(TypeError, match="no bounds"):
            scale_image(torch.ones(2, 2, dtype=dtype))


def test_scale_is_off() -> None:
    """Without scale=True, to_dtype and ToDtype change the type and leave 255; so do .float() and from_numpy."""
    from torchvision.transforms.v2 import ToDtype
    from torchvision.transforms.v2.functional import to_dtype

    image = torch.full((1, 2, 2), 255, dtype=torch.uint8)
    converted = [to_dtype(image, torch.float32), ToDtype(torch.float32)(image), image.float()]
    assert [x.max().item() for x in converted] == [255.0] * 3
    assert all(x.dtype == torch.float32 for x in converted)
    assert torch.from_numpy(image.numpy()).max() == 255
    assert ToDtype(torch.float32, scale=True)(image).max() == 1


@pytest.mark.parametrize("seed", range(5))
def test_one_sign(seed: int) -> None:
    """One sample, inputs above 0: the gradients of each unit's weights have one sign; from -1 to 1 both occur."""
    torch.manual_seed(seed)
    layer = nn.Sequential(nn.Linear(20, 8), nn.Tanh(), nn.Linear(8, 1))
    x = torch.rand(1, 20)
    for given, signs in [(x, 1), (2 * x - 1, 2)]:
        layer.zero_grad()
        layer(given).sum().backward()
        assert [len(row.sign().unique()) for row in layer[0].weight.grad] == [signs] * 8


def test_new_values_lie_outside() -> None:
    """A new value lies outside the bounds of n with probability 2 / (n + 1), for two distributions; 2% for 99."""
    torch.manual_seed(0)
    trials = 20_000
    for draw in (torch.randn, lambda *shape: torch.rand(*shape).pow(5)):
        x = draw(trials, 100)
        low, high = x[:, :99].aminmax(dim=1)
        share = ((x[:, 99] < low) | (x[:, 99] > high)).float().mean().item()
        assert share == pytest.approx(0.02, abs=4 * math.sqrt(0.02 * 0.98 / trials))


def test_squeezed_by_the_outlier(evidence) -> None:
    """Min-max: the spread falls by exactly 10, 100 and 1,000; standardized: by about 1.5, 10 and 100."""
    spread = {name: [of["spread"][0] / value for value in of["spread"]] for name, of in evidence().items()}
    assert spread["min-max"] == pytest.approx(FACTORS, rel=1e-3)
    assert spread["standardize"][1:] == pytest.approx([1.5, 10, 100], rel=0.15)


def test_one_damaged_image(evidence) -> None:
    """Within 8 points undamaged; min-max at guessing from 10 on; standardized until 100; percentiles do not change."""
    mean = {name: [sum(runs) / SEEDS for runs in of["accuracy"]] for name, of in evidence().items()}
    undamaged = [values[0] for values in mean.values()]
    assert max(undamaged) - min(undamaged) < 0.08
    assert max(map(max, evidence()["min-max"]["accuracy"][1:])) < 0.15
    assert min(mean["standardize"][:3]) > 0.85
    assert mean["standardize"][3] < 0.5
    cut = evidence()["percentiles, cut"]["accuracy"]
    assert all(runs == cut[0] for runs in cut)


def test_longer_run_does_not_help(monkeypatch: pytest.MonkeyPatch) -> None:
    """Min-max scaling with an image ten times too bright: still at guessing after 400 updates, with each seed."""
    torch.manual_seed(0)
    digits = load_digits()
    order = torch.randperm(1797)
    x, y = torch.tensor(digits.data, dtype=torch.float32)[order] / 16, torch.tensor(digits.target)[order]
    damaged = x[:1200].clone()
    damaged[0] = 10
    scaled = min_max(damaged)
    monkeypatch.setattr("snippets.normalization.min_max_scaling.evidence.STEPS", 400)
    for seed in range(SEEDS):
        assert accuracy(seed, (scaled(damaged), scaled(x[1200:])), (y[:1200], y[1200:])) < 0.15


def test_uint8_wraps() -> None:
    """200 * 2 is 144 and 10 - 20 is 246."""
    x = torch.tensor([200, 10], dtype=torch.uint8)
    assert (x * 2)[0] == 144
    assert (x - 20)[1] == 246


def test_sixteen_bits() -> None:
    """65,535 / 255 is 257; by the type's largest value it becomes 1."""
    x = torch.tensor([65535], dtype=torch.uint16)
    assert (x.float() / 255).item() == 257
    assert scale_image(x).item() == 1


def test_constant_feature() -> None:
    """0 / 0 by the formula; 0 by the code, and back to the constant."""
    x = table(constant=True)
    low, high = x.aminmax(dim=0)
    assert ((x - low) / (high - low)).isnan().all(dim=0).tolist() == [False, True, False]
    layer = MinMax.fit(x)
    assert (layer(x)[:, 1] == 0).all()
    assert (MinMaxScaler((-1, 1)).fit_transform(x.numpy())[:, 1] == -1).all()
    assert torch.allclose(layer.inverse(layer(x)), x)


def test_each_image_by_itself() -> None:
    """Scaled by itself, a blank image with 1% noise spans the range, and half brightness equals the original."""
    torch.manual_seed(0)
    blank, image = 0.5 + 0.01 * torch.rand(64), torch.rand(64)

    def by_itself(x: Tensor) -> Tensor:
        return scale(x, x.min(), x.max(), (-1.0, 1.0))

    assert by_itself(blank).aminmax() == (-1, 1)
    assert torch.allclose(by_itself(image / 2), by_itself(image), atol=1e-6)
