"""Input standardization: against torch, scikit-learn and torchvision, closed forms, and the claims of its page."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.normalization.input_standardization.evidence import RATES, accuracy, preparations
from snippets.normalization.input_standardization.from_scratch import standardize, statistics
from snippets.normalization.input_standardization.use import Standardize

SHAPES = [(50, 4), (50, 4, 9), (20, 4, 5, 6), (10, 4, 3, 4, 5)]


def data(shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> Tensor:
    """Features of different means and scales; whole numbers of 0 to 255 for uint8."""
    torch.manual_seed(0)
    if dtype == torch.uint8:
        return torch.randint(256, shape, dtype=dtype)
    units = torch.tensor([0.1, 1.0, 50.0, 3.0], dtype=dtype).view(-1, *[1] * (len(shape) - 2))
    return (torch.randn(shape, dtype=dtype) + 2) * units


@pytest.mark.parametrize("offset", [0.0, 1e9])
@pytest.mark.parametrize("sizes", [[50], [1] * 50, [7, 40, 3]])
@pytest.mark.parametrize("shape", SHAPES[:3])
def test_equals_torch(shape: tuple[int, ...], sizes: list[int], offset: float) -> None:
    """One pass over batches of any sizes gives torch's mean and standard deviation of all data, also around 1e9."""
    x = data((50, *shape[1:])) + offset
    mean, std = statistics(x.split(sizes))
    expected_std, expected_mean = torch.std_mean(x, dim=[d for d in range(x.dim()) if d != 1], correction=0)
    assert torch.allclose(mean, expected_mean, rtol=1e-12)
    assert torch.allclose(std, expected_std, rtol=1e-6)  # float64 holds 1e9 to 1e-7
    z = standardize(x, mean, std).transpose(0, 1).flatten(1)
    assert z.mean(dim=1).abs().max() < 1e-5
    assert (z.std(dim=1, correction=0) - 1).abs().max() < 1e-5


def test_no_batches() -> None:
    """Nothing to measure is an error that says so."""
    with pytest.raises(ValueError, match="no batch"):
        statistics([])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.uint8])
@pytest.mark.parametrize("shape", SHAPES)
def test_layer_works_on(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """Tables, signals, images, volumes; floats and uint8: mean 0, std 1 for each feature, and back."""
    x = data(shape, dtype)
    layer = Standardize.fit(x)
    z = layer(x)
    features = z.transpose(0, 1).flatten(1)
    assert z.shape == x.shape
    assert features.mean(dim=1).abs().max() < 1e-5
    assert (features.std(dim=1, correction=0) - 1).abs().max() < 1e-5
    assert torch.allclose(layer.inverse(z).double(), x.double(), rtol=1e-4, atol=1e-4)


def test_equals_libraries() -> None:
    """scikit-learn's StandardScaler on a table, torchvision's normalize on images."""
    from sklearn.preprocessing import StandardScaler
    from torchvision.transforms.v2.functional import normalize

    x = data((50, 4))
    x[:, 1] = 0.1  # never changes
    expected = torch.from_numpy(StandardScaler().fit_transform(x.numpy()))
    assert torch.allclose(Standardize.fit(x)(x), expected, atol=1e-5)  # our statistics are float32
    images = data((10, 4, 5, 6), torch.float32)
    layer = Standardize.fit(images)
    assert torch.allclose(layer(images), normalize(images, layer.mean.tolist(), layer.std.tolist()), atol=1e-6)


def test_not_finite_is_refused() -> None:
    """NaN and inf are refused with the numbers of their features."""
    x = data((50, 4))
    x[3, 1], x[7, 2] = math.nan, math.inf
    with pytest.raises(ValueError, match=r"features \[1, 2\]"):
        Standardize.fit(x)


def test_constants_of_models() -> None:
    """The table's constants are those of torchvision's and timm's weights, rounded to four digits."""
    import timm
    from torchvision.models import ResNet50_Weights
    from torchvision.models.video import R3D_18_Weights

    imagenet, half = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]), ([0.5] * 3, [0.5] * 3)
    expected = {
        "swin_tiny_patch4_window7_224.ms_in1k": imagenet,
        "convnext_tiny.fb_in1k": imagenet,
        "deit_base_patch16_224.fb_in1k": imagenet,
        "vit_base_patch16_224.augreg_in21k_ft_in1k": half,
        "inception_v3.tf_adv_in1k": half,
        "tf_efficientnetv2_s.in21k_ft_in1k": half,
        "vit_base_patch16_clip_224.openai": ([0.4815, 0.4578, 0.4082], [0.2686, 0.2613, 0.2758]),
    }
    found = {name: timm.get_pretrained_cfg(name) for name in expected}
    pairs = [((list(found[name].mean), list(found[name].std)), constants) for name, constants in expected.items()]
    image, video = ResNet50_Weights.IMAGENET1K_V1.transforms(), R3D_18_Weights.DEFAULT.transforms()
    pairs += [((image.mean, image.std), imagenet)]
    pairs += [((video.mean, video.std), ([0.4322, 0.3947, 0.3765], [0.2280, 0.2215, 0.2170]))]
    for theirs, ours in pairs:
        assert [[round(v, 4) for v in values] for values in theirs] == list(ours)


def descent(x: Tensor, lr: float, steps: int = 400) -> float:
    """Squared distance to the solution of a linear regression without noise after gradient descent; 1 at the start."""
    h = x.T @ x / len(x)
    error = torch.linalg.eigh(h).eigenvectors.sum(dim=1)  # has a share of every direction
    start = error.square().sum()
    for _ in range(steps):
        error = error - lr * h @ error
    return (error.square().sum() / start).item()


def test_limit_of_the_rate() -> None:
    """Two scales: gradient descent converges below 2 / largest eigenvalue and diverges above it."""
    torch.manual_seed(0)
    x = torch.randn(500, 2, dtype=torch.float64) * torch.tensor([1.0, 2.0])
    limit = 2 / torch.linalg.eigvalsh(x.T @ x / len(x))[-1].item()
    assert descent(x, 0.99 * limit) < 0.01
    assert descent(x, 1.01 * limit) > 100


@pytest.mark.parametrize(("features", "mean"), [(64, 3.0), (1, 0.5), (10, -2.0)])
def test_mean_costs_577(features: int, mean: float) -> None:
    """Independent features, std 1, mean m: E[x x^T] has eigenvalues 1 + d m^2 and 1; for 64 and 3 the ratio is 577."""
    torch.manual_seed(0)
    z = torch.randn(2000, features, dtype=torch.float64)
    z = z - z.mean(dim=0)
    z = z @ torch.linalg.inv(torch.linalg.cholesky(z.T @ z / len(z))).T  # covariance exactly 1
    values = torch.linalg.eigvalsh((z + mean).T @ (z + mean) / len(z))
    assert values[-1].item() == pytest.approx(1 + features * mean**2)
    assert values[0].item() == pytest.approx(1 if features > 1 else 1 + mean**2)
    centred = torch.linalg.eigvalsh(z.T @ z / len(z))
    assert (centred[-1] / centred[0]).item() == pytest.approx(1)
    assert 1 + 64 * 3**2 == 577


def test_n_or_n_minus_one() -> None:
    """The two standard deviations differ by sqrt(1 - 1/n): 0.05% for 1,000 samples."""
    x = torch.randn(1000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ratio = (x.std(correction=0) / x.std()).item()
    assert ratio == pytest.approx(math.sqrt(1 - 1 / 1000), rel=1e-12)
    assert 1 - ratio == pytest.approx(0.0005, rel=0.01)


def means(runs: list[list[float]]) -> list[float]:
    """Mean over seeds for each learning rate."""
    return [sum(seeds) / len(seeds) for seeds in runs]


def test_standardized_is_best(evidence) -> None:
    """Highest best mean with both optimizers; SGD on 0 to 255 learns at the lowest rate only."""
    for name in RATES:
        best = {scale: max(means(runs)) for scale, runs in evidence()[name].items()}
        assert all(best["standardized"] > value + 0.02 for scale, value in best.items() if scale != "standardized")
    first, *others = evidence()["SGD"]["0 to 255"]
    assert sum(first) / len(first) > 0.2
    assert max(means(others)) < 0.2


def test_adam_does_not_replace_it(evidence) -> None:
    """Adam's best mean in mixed units is over 10 points lower than on standardized inputs."""
    best = {scale: max(means(runs)) for scale, runs in evidence()["Adam"].items()}
    assert best["mixed units"] < best["standardized"] - 0.1


@pytest.fixture(scope="module")
def digits() -> tuple[Tensor, Tensor]:
    """Digits of 0 to 1, in the order of the experiment, and their labels."""
    torch.manual_seed(0)
    loaded = load_digits()
    order = torch.randperm(1797)
    return torch.tensor(loaded.data, dtype=torch.float32)[order] / 16, torch.tensor(loaded.target)[order]


def test_long_run_evens_out(digits: tuple[Tensor, Tensor]) -> None:
    """300 updates of Adam, two seeds: 0 to 1 within 2 points of standardized in the mean, and mixed units are not."""
    x, y = digits
    scales = preparations(x[:1200], x[1200:])
    labels = (y[:1200], y[1200:])
    plain, standardized, mixed = (
        sum(accuracy("Adam", 0.01, seed, scales[scale], labels, steps=300) for seed in range(2)) / 2
        for scale in ("0 to 1", "standardized", "mixed units")
    )
    assert plain == pytest.approx(standardized, abs=0.02)
    assert plain > 0.9
    assert mixed < standardized - 0.02


def test_constant_feature(digits: tuple[Tensor, Tensor]) -> None:
    """At least three of 64 pixels of 1,200 digits never change: NaN by the plain formula, 0 with a std of 1."""
    train = digits[0][:1200]
    std, mean = torch.std_mean(train, dim=0)
    constant = std == 0
    assert int(constant.sum()) >= 3
    assert (((train - mean) / std).isnan().all(dim=0) == constant).all()
    z = Standardize.fit(train)(train)
    assert z.isfinite().all()
    assert (z[:, constant] == 0).all()


def test_constants_become_an_error() -> None:
    """torchvision raises the errors of which the pitfalls speak."""
    from torchvision.transforms import Normalize

    with pytest.raises(
        ValueError, match=r"std evaluated to zero after conversion to torch.float32, leading to division"
    ):
        Normalize([0.5], [0.0])(torch.zeros(1, 2, 2))
    with pytest.raises(TypeError, match=r"Input tensor should be a float tensor. Got torch.uint8"):
        Normalize([0.5], [0.2])(torch.zeros(1, 2, 2, dtype=torch.uint8))


def test_own_statistics_erase(digits: tuple[Tensor, Tensor]) -> None:
    """A batch of one becomes zeros; a set that is three times brighter becomes the same numbers."""
    x = digits[0]
    for single in x[:20].split(1):
        assert (Standardize.fit(single)(single) == 0).all()
    assert torch.allclose(Standardize.fit(3 * x)(3 * x), Standardize.fit(x)(x), atol=1e-4)
    assert (Standardize.fit(x)(3 * x) - Standardize.fit(x)(x)).abs().mean() > 0.5


def test_saved_with_the_model(digits: tuple[Tensor, Tensor]) -> None:
    """A model that was made with other statistics gives the same outputs after load_state_dict."""
    x = digits[0]
    model = nn.Sequential(Standardize.fit(x[:1200]), nn.Linear(64, 10))
    loaded = nn.Sequential(Standardize(torch.zeros(64), torch.ones(64)), nn.Linear(64, 10))
    assert not torch.equal(loaded(x), model(x))
    loaded.load_state_dict(model.state_dict())
    assert torch.equal(loaded(x), model(x))


def test_forgot_to_divide() -> None:
    """0 to 255 as floats under ImageNet's constants: up to 1,136."""
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    largest = Standardize(mean, std)(torch.full((1, 3, 2, 2), 255.0)).amax(dim=(0, 2, 3))
    assert largest.max().item() == pytest.approx(1136, abs=1)


def test_times_in_float32() -> None:
    """Seconds since 1970 lie 128 apart in float32, so a day has at most 676 values; centred in float64, all 86,400."""
    day = 1.75e9 + torch.arange(86_400, dtype=torch.float64)
    rounded = day.float().unique()
    assert rounded.diff().unique().tolist() == [128.0]
    assert 675 <= len(rounded) <= 676
    assert len((day - day.mean()).float().unique()) == 86_400


def test_one_outlier() -> None:
    """One value of a million among 999 ordinary ones leaves the others a standard deviation of 0.00003."""
    torch.manual_seed(0)
    x = torch.randn(1000, 1, dtype=torch.float64)
    x[0] = 1e6
    z = Standardize.fit(x)(x)
    assert z[1:].std().item() == pytest.approx(0.00003, abs=0.000005)
