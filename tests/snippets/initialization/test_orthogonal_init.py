"""Orthogonal initialization: equal to torch, isometry, and the claims of its page."""

import math

import pytest
import torch
from torch import Tensor, nn

from snippets.initialization.orthogonal_init.evidence import (
    CASES,
    SEEDS,
    WIDTH,
    load,
    network,
    singular_values,
    train,
)
from snippets.initialization.orthogonal_init.from_scratch import orthonormal_rows_
from snippets.initialization.orthogonal_init.use import init_recurrent, orthogonal_init_, orthogonal_init_std


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shape", [(7, 7), (5, 9), (9, 5), (5, 7, 3), (5, 7, 3, 2), (50, 2, 3, 2, 2)])
def test_equals_torch(shape):
    """Gram and Schmidt's vectors are torch's, to 1e-12 in float64 and the same seed, wide and tall, 2-D to 5-D."""
    w = orthonormal_rows_(torch.empty(shape, dtype=torch.float64), seeded())
    reference = nn.init.orthogonal_(torch.empty(shape, dtype=torch.float64), generator=seeded())
    torch.testing.assert_close(w, reference, rtol=0, atol=1e-12)
    assert torch.equal(
        orthogonal_init_(torch.empty(shape), 1.5, seeded()), nn.init.orthogonal_(torch.empty(shape), 1.5, seeded())
    )


@pytest.mark.parametrize("shape", [(40, 60), (60, 40), (50, 50), (16, 8, 3, 3)])
def test_singular_values_are_the_gain(shape):
    """Every singular value is the gain: rows are orthonormal if there are fewer rows than columns, else columns."""
    w = orthogonal_init_(torch.empty(shape, dtype=torch.float64), gain=1.7, generator=seeded()).flatten(1)
    values = torch.linalg.svdvals(w)
    torch.testing.assert_close(values, torch.full_like(values, 1.7))
    assert w.square().mean().sqrt().item() == pytest.approx(orthogonal_init_std(tuple(shape), 1.7))


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0, 1e3])
@pytest.mark.parametrize("draw", [0, 100, 200, 300, 400])
def test_small_last_gain_starts_undecided(scale, draw):
    """Four actions on 64 tanh units, no biases: within 0.02 of 1/4 with gain 0.01 in the last layer; sqrt(2): over 0.6.

    For any observation: 64 numbers below 1 are at most 8 long, so the logits are at most 0.08 long.
    """
    hidden = [orthogonal_init_(torch.empty(64, n), math.sqrt(2), seeded(draw + n)) for n in (8, 64)]
    h = scale * torch.randn(10_000, 8, generator=seeded(draw + 1))
    for weight in hidden:
        h = torch.tanh(h @ weight.T)
    small, large = (
        (h @ orthogonal_init_(torch.empty(4, 64), gain, seeded(draw + 2)).T).softmax(1) for gain in (0.01, math.sqrt(2))
    )
    assert (small - 1 / 4).abs().max() < 0.02
    longest = 0.08 * torch.tensor([3.0, -1.0, -1.0, -1.0]) / math.sqrt(12)
    assert longest.softmax(0)[0] - 1 / 4 < 0.02
    if scale >= 1:
        assert large.max() > 0.6


def product(orthogonal: bool, depth: int = 50, width: int = 64, first: int = 0) -> Tensor:
    p = torch.eye(width, dtype=torch.float64)
    for i in range(first, first + depth):
        w = torch.empty(width, width, dtype=torch.float64)
        if orthogonal:
            orthogonal_init_(w, generator=seeded(i))
        else:
            w.normal_(std=1 / math.sqrt(width), generator=seeded(i))
        p = w @ p
    return p


def test_depth_keeps_every_length():
    """Fifty orthogonal layers keep every vector's length and gradient; their product is orthogonal."""
    torch.testing.assert_close(torch.linalg.svdvals(product(True)), torch.ones(64, dtype=torch.float64))


@pytest.mark.parametrize("first", [0, 100, 200])
def test_normal_weights_crush_directions(first):
    """The product of 50 normal matrices of width 64 shrinks half of all directions over 1000 times more than one."""
    values = torch.linalg.svdvals(product(False, first=first))
    assert values[32] / values[0] < 1e-3


@pytest.mark.parametrize("first", [0, 100, 200])
def test_relu_takes_the_advantage(first):
    """Through 20 ReLU layers orthogonal weights of gain sqrt(2) crush directions too: the middle one a hundredfold."""
    torch.manual_seed(first)
    x = torch.randn(64, dtype=torch.float64)
    jacobian = torch.eye(64, dtype=torch.float64)
    for i in range(first, first + 20):
        w = orthogonal_init_(torch.empty(64, 64, dtype=torch.float64), math.sqrt(2), seeded(i))
        x, jacobian = w @ x, w @ jacobian
        jacobian = (x > 0)[:, None] * jacobian
        x = torch.relu(x)
    values = torch.linalg.svdvals(jacobian)
    assert values[32] < values[0] / 100


@pytest.fixture(scope="module")
def spectra(evidence) -> dict[str, Tensor]:
    """The curves of the figure."""
    found = {name: torch.tensor(run["singular values"], dtype=torch.float64) for name, run in evidence().items()}
    assert all(values.shape == (WIDTH,) for values in found.values())
    return found


@pytest.fixture(scope="module")
def losses(evidence) -> dict[str, Tensor]:
    """The rows of the table, before the median is taken."""
    found = {name: torch.tensor(run["losses"]) for name, run in evidence().items()}
    assert all(runs.shape == (SEEDS,) for runs in found.values())
    return found


def test_linear_network_keeps_directions_and_trains_faster(spectra, losses):
    """30 linear layers: every singular value is 1, where normal weights fall to 1e-10; the mean loss is lower."""
    orthogonal, normal = spectra["linear, orthogonal"], spectra["linear, normal"]
    torch.testing.assert_close(orthogonal, torch.ones(64, dtype=torch.float64), rtol=0, atol=1e-4)  # float32
    assert normal[-1] / normal[0] < 1e-10
    assert losses["linear, orthogonal"].mean() < 0.8 * losses["linear, normal"].mean()


@pytest.fixture(scope="module")
def at_three_times_the_rate() -> dict[str, list[float]]:
    """The experiment's training of the ReLU networks at three times its learning rate."""
    x, y = load()
    return {
        name: [train(network(orthogonal, relu, seed), x, y, lr=0.03) for seed in range(SEEDS)]
        for name, orthogonal, relu in CASES
        if relu
    }


def test_relu_losses_overlap(spectra, losses, at_three_times_the_rate):
    """30 ReLU layers: both spectra fall by ten powers of ten before the middle, orthogonal later, for six draws.

    At the experiment's learning rate and at three times it the best of each kind of weight is better than the worst
    of the other.
    """
    assert SEEDS == 6
    for name in ("ReLU, orthogonal", "ReLU, normal"):
        values, linear = spectra[name], spectra[name.replace("ReLU", "linear")]
        assert values[31] / values[0] < 1e-3 * linear[31] / linear[0]  # steeper than without ReLUs
    x, _ = load()
    for seed in range(SEEDS):
        orthogonal, normal = (singular_values(network(kind, True, seed), x[0]) for kind in (True, False))
        for values in (orthogonal, normal):
            assert values[31] / values[0] < 1e-10
        assert orthogonal[9] / orthogonal[0] > 2 * normal[9] / normal[0]
    for runs in ({name: row.tolist() for name, row in losses.items()}, at_three_times_the_rate):
        ours, theirs = runs["ReLU, orthogonal"], runs["ReLU, normal"]
        assert len(ours) == len(theirs) == SEEDS
        assert min(ours) < max(theirs)
        assert min(theirs) < max(ours)


def test_sign_correction():
    """QR alone is not uniform: the top left entry of Q has one sign in 200 draws; torch's has both."""
    raw, fixed = [], []
    for i in range(200):
        a = torch.randn(4, 4, generator=seeded(i))
        raw.append(torch.linalg.qr(a).Q[0, 0].item() > 0)
        fixed.append(nn.init.orthogonal_(torch.empty(4, 4), generator=seeded(i))[0, 0].item() > 0)
    assert sum(raw) in (0, 200)
    assert 70 < sum(fixed) < 130


@pytest.mark.parametrize(("dtype", "name"), [(torch.bfloat16, "BFloat16"), (torch.float16, "Half")])
def test_bfloat16_needs_the_detour(dtype, name):
    """torch.nn.init.orthogonal_ raises on bfloat16 and float16; through float32 the result is orthogonal."""
    with pytest.raises(RuntimeError, match=f"\"geqrf_cpu\" not implemented for '{name}'"):
        nn.init.orthogonal_(torch.empty(8, 8, dtype=dtype))
    w = orthogonal_init_(torch.empty(64, 64, dtype=dtype), generator=seeded()).float()
    torch.testing.assert_close(w @ w.T, torch.eye(64), rtol=0, atol=0.01)  # 8 bits of mantissa


@pytest.mark.parametrize("form", ["channels_last", "channels_last_3d", "transposed"])
def test_channels_last_needs_the_detour(form):
    """torch.nn.init.orthogonal_ raises on a 3x3 weight in channels_last or transposed; the page's function fills it."""
    conv = nn.Conv3d(6, 8, 3) if form == "channels_last_3d" else nn.Conv2d(6, 8, 3)
    if form == "transposed":
        weight = nn.Parameter(conv.weight.detach().transpose(0, 1))
    else:
        conv = conv.to(memory_format=getattr(torch, form))
        weight = conv.weight
    with pytest.raises(RuntimeError, match="view size is not compatible with input tensor's size and stride"):
        nn.init.orthogonal_(weight)
    one = nn.Conv2d(1, 8, 3).to(memory_format=torch.channels_last)  # one input channel lies the same in both formats
    nn.init.orthogonal_(one.weight)
    strides = weight.stride()
    orthogonal_init_(weight, generator=seeded())
    expected = nn.init.orthogonal_(torch.empty(weight.shape), generator=seeded())
    assert torch.equal(weight, expected)
    assert weight.stride() == strides


def test_gates_are_separate_matrices():
    """orthogonal_ on an LSTM's whole weight_hh leaves each gate at a mean square singular value of 1/4; split, 1."""
    torch.manual_seed(0)
    lstm = nn.LSTM(32, 64, num_layers=2)
    nn.init.orthogonal_(lstm.weight_hh_l0)
    for gate in lstm.weight_hh_l0.detach().split(64):
        assert torch.linalg.svdvals(gate).square().mean().item() == pytest.approx(0.25, rel=0.05)
    init_recurrent(lstm)
    for weight in (lstm.weight_hh_l0, lstm.weight_hh_l1):
        for gate in weight.detach().split(64):
            torch.testing.assert_close(torch.linalg.svdvals(gate), torch.ones(64))


@pytest.mark.parametrize("padding_mode", ["zeros", "circular"])
def test_convolution_is_no_isometry(padding_mode):
    """A 3x3 convolution with orthonormal flattened rows stretches some 6x6 images 1.5 times and shrinks others to 0.3.

    With zero padding and with circular padding, for three draws.
    """
    for seed in range(3):
        conv = nn.Conv2d(16, 16, 3, padding=1, padding_mode=padding_mode, bias=False, dtype=torch.float64)
        orthogonal_init_(conv.weight, generator=seeded(seed))
        images = torch.eye(16 * 6 * 6, dtype=torch.float64).unflatten(1, (16, 6, 6))  # every unit image
        with torch.no_grad():
            values = torch.linalg.svdvals(conv(images).flatten(1))
        assert values.max() > 1.5
        assert values.min() < 0.3


def test_training_leaves_the_orthogonal_matrices():
    """After 20 steps of SGD an initialized weight is no longer orthogonal; one under the parametrization is."""
    torch.manual_seed(0)
    x, y = torch.randn(32, 16), torch.randn(32, 16)
    errors = []
    for layer in (nn.Linear(16, 16), nn.utils.parametrizations.orthogonal(nn.Linear(16, 16))):
        if not nn.utils.parametrize.is_parametrized(layer):
            orthogonal_init_(layer.weight)
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.5)
        for _ in range(20):
            loss = nn.functional.mse_loss(layer(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        errors.append((layer.weight @ layer.weight.T - torch.eye(16)).abs().max().item())
    assert errors[0] > 0.1
    assert errors[1] < 1e-5


def test_bad_shape():
    with pytest.raises(ValueError, match="2 or more"):
        orthogonal_init_(torch.empty(3))
