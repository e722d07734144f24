"""How to apply an initialization: the broken snippet of 2020, its repairs, and the claims of the page."""

import copy
import functools
import itertools
import math
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, skip_init

from snippets.initialization.init_in_pytorch.evidence import DEPTH, conv_only, rms_by_depth
from snippets.initialization.init_in_pytorch.use import MyNet, initialize, initialize_parameters

# The check list's snippet, as it stood.
SEED = """
from torch import nn

# define Network
class MyNet(nn.Module):
    def __init(self):
        pass
    def forward(self):
        pass

# define weight initialization method
def initialize_parameters(m):
    if isinstance(m, nn.Conv2d):
        nn.init.kaiming_normal_(m.weight.data, a=0.25, nonlinearity='leaky_relu')
        nn.init.constant_(m.bias.data, 0)

model = MyNet()
# weight initialization
with torch.no_grad():
    model.apply(initialize_parameters)
"""
SLOPE = 0.25  # of leaky ReLUs
INITIALIZERS = {
    "uniform_": (),
    "normal_": (),
    "trunc_normal_": (),
    "constant_": (0.3,),
    "ones_": (),
    "zeros_": (),
    "eye_": (),
    "dirac_": (),
    "xavier_uniform_": (),
    "xavier_normal_": (),
    "kaiming_uniform_": (),
    "kaiming_normal_": (),
    "orthogonal_": (),
    "sparse_": (0.5,),
}


def seed_rule():
    """The seed's function, with the missing import supplied."""
    scope = {"torch": torch}
    exec(SEED, scope)
    return scope["initialize_parameters"]


def test_import_missing():
    """``nn`` is imported but ``torch`` is not: the snippet stops with a NameError at ``torch.no_grad``."""
    with pytest.raises(NameError, match="name 'torch' is not defined"):
        exec(SEED, {})
    exec(SEED.replace("from torch import nn", "import torch\nfrom torch import nn"), {})


def test_init_without_underscores():
    """A method called ``__init`` is never called, without an error; the optimizer stops: empty parameter list."""

    class Broken(nn.Module):
        def __init(self):
            self.conv = nn.Conv2d(3, 8, 3)

    model = Broken()
    assert list(model.parameters()) == []
    assert not hasattr(model, "conv")
    assert hasattr(model, "_Broken__init")  # Python mangles the name
    with pytest.raises(ValueError, match="optimizer got an empty parameter list"):
        torch.optim.SGD(model.parameters(), lr=0.1)
    assert len(list(MyNet().parameters())) == 7


def test_super_missing():
    """With the name put right but ``super().__init__()`` left out, the first assigned layer raises AttributeError."""

    class Broken(nn.Module):
        def __init__(self):
            self.conv = nn.Conv2d(3, 8, 3)

    with pytest.raises(AttributeError, match=r"^cannot assign module before Module.__init__\(\) call$"):
        Broken()


def test_bias_none():
    """Without a bias the old rule stops with ``'NoneType' object has no attribute 'data'``; the new one runs."""
    with pytest.raises(AttributeError, match="'NoneType' object has no attribute 'data'"):
        nn.Conv2d(3, 8, 3, bias=False).apply(seed_rule())
    for layer in (nn.Conv2d(3, 8, 3, bias=False), nn.Linear(3, 8, bias=False), nn.BatchNorm2d(4, affine=False)):
        layer.apply(initialize_parameters)
    with_bias = nn.Conv2d(3, 8, 3)
    with_bias.apply(initialize_parameters)
    assert with_bias.bias.count_nonzero() == 0


def test_forward_returns_none():
    """``forward`` without an input and with ``pass``: a call with a batch is a TypeError, without one it gives None."""
    scope = {"torch": torch}
    exec(SEED, scope)
    with pytest.raises(TypeError):
        scope["model"](torch.zeros(1, 3, 8, 8))
    assert scope["model"]() is None
    assert MyNet()(torch.zeros(2, 3, 8, 8)).shape == (2, 10)


def test_conv_only_misses_linear():
    """The old rule leaves every layer that is not a Conv2d at PyTorch's default."""
    layer = nn.Linear(64, 64)
    before = layer.weight.detach().clone()
    layer.apply(seed_rule())
    assert torch.equal(layer.weight, before)
    layer.apply(initialize_parameters)
    assert not torch.equal(layer.weight, before)


def test_conv_rule_leaves_the_biases_alone(evidence, monkeypatch, capsys):
    """The old rule does nothing to Linear layers and says nothing; default biases alone hold the signal at 0.03.

    The figure's other lines: down to about 0.2 with another activation's gain, near 1 with the matching rule.
    """
    model = nn.Sequential(*[nn.Linear(8, 8) for _ in range(3)])
    before = copy.deepcopy(model.state_dict())
    model.apply(conv_only)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert capsys.readouterr() == ("", "")  # and warnings are errors here

    missed, wrong, right = evidence()["rms"].values()
    assert missed[5:] == pytest.approx([0.03] * (DEPTH - 5), abs=0.005)
    # 50 random layers of width 256: the logarithm of the rms has a standard deviation of about 0.5 * sqrt(50 * 5 / 256)
    # or 0.5; that of six networks' geometric mean has 0.2
    assert 0.22 / 2 < wrong[-1] < 0.22 * 2
    assert all(1 / 2 < value < 2 for value in right)
    monkeypatch.setattr(nn, "Linear", functools.partial(nn.Linear, bias=False))
    assert rms_by_depth(nn.LeakyReLU(0.25), "conv only")[-1] < 1e-10


def test_slope_must_match():
    """With ReLU the gain for slope 0.25 divides the mean square by 1.0625 per layer: its root is 0.22 after 50.

    On average over 800 layers, of sixteen networks; each alone scatters by a seventh, their mean by a two-hundredth.
    """
    gain = nn.init.calculate_gain("leaky_relu", 0.25)
    assert gain**2 / 2 == pytest.approx(1 / 1.0625)
    assert math.pow(1.0625, -50 / 2) == pytest.approx(0.22, abs=0.005)
    ratios = []
    for seed in range(16):
        torch.manual_seed(seed)
        x = torch.randn(64, 256)
        for _ in range(DEPTH):
            weight = nn.init.kaiming_normal_(torch.empty(256, 256), a=0.25, nonlinearity="leaky_relu")
            before, x = x, torch.relu(x @ weight.T)
            ratios.append((x.square().mean() / before.square().mean()).item())
    assert sum(ratios) / len(ratios) == pytest.approx(1 / 1.0625, rel=0.02)


def test_data_and_outer_no_grad_are_unneeded():
    """nn.init fills a parameter in place under its own no_grad: the parameter stays a leaf that requires gradients."""
    for name, arguments in INITIALIZERS.items():
        shape = (4, 4, 3) if name == "dirac_" else (4, 4)
        parameter = nn.Parameter(torch.empty(shape))
        result = getattr(nn.init, name)(parameter, *arguments)
        assert result is parameter
        assert parameter.requires_grad
        assert parameter.is_leaf
        assert parameter.isfinite().all()


def test_every_public_initializer_is_covered():
    """A function that torch adds to nn.init shall be noticed here."""
    public = {name for name in dir(nn.init) if name.endswith("_") and not name.startswith("_")}
    assert public == set(INITIALIZERS)


@pytest.mark.parametrize("name", sorted(set(INITIALIZERS) - {"ones_", "zeros_", "trunc_normal_"}))
def test_old_names_warn(name):
    """The names without the final underscore still run, fill the same values, and raise a FutureWarning."""
    shape = (4, 4, 3) if name == "dirac_" else (4, 4)
    new, old = torch.empty(shape), torch.empty(shape)
    torch.manual_seed(0)
    getattr(nn.init, name)(new, *INITIALIZERS[name])
    torch.manual_seed(0)
    with pytest.warns(FutureWarning, match=f"nn.init.{name[:-1]}` is now deprecated in favor of `nn.init.{name}`"):
        getattr(nn.init, name[:-1])(old, *INITIALIZERS[name])
    assert torch.equal(old, new)


def test_tensor_method_needs_no_grad():
    """``weight.normal_()`` outside no_grad raises RuntimeError; nn.init.normal_ does not."""
    layer = nn.Linear(3, 4)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        layer.weight.normal_()
    nn.init.normal_(layer.weight)
    with pytest.raises(TypeError, match="cannot assign"):
        layer.weight = torch.zeros(4, 3)


def test_apply_visits_children_first():
    """``apply`` goes depth first and calls the function on the parent last, so a parent's rule has the last word."""
    model = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU()))
    seen = []
    model.apply(lambda module: seen.append(module))
    assert seen == [model[0], model[1][0], model[1], model]


def test_small_head_starts_at_log_classes():
    """Eight networks of five leaky ReLU layers, ten classes: first loss near 3 by rule, 2.3 with a small head."""
    by_type_alone, small = [], []
    for seed in range(8):
        torch.manual_seed(seed)
        hidden = [layer for _ in range(5) for layer in (nn.Linear(128, 128), nn.LeakyReLU(SLOPE))]
        model = nn.Sequential(*hidden, nn.Linear(128, 10))
        x, y = torch.randn(256, 128), torch.randint(10, (256,))
        initialize(model, slope=SLOPE)
        by_type_alone.append(nn.functional.cross_entropy(model(x), y).item())
        nn.init.normal_(model[-1].weight, std=0.01)
        small.append(nn.functional.cross_entropy(model(x), y).item())
    assert sum(by_type_alone) / 8 == pytest.approx(3, rel=0.05)
    assert all(loss == pytest.approx(3, abs=0.5) for loss in by_type_alone)
    assert all(loss == pytest.approx(math.log(10), abs=0.03) for loss in small)


def test_shared_layer_is_visited_twice():
    """A layer with two parents is visited twice by ``apply`` and once by ``modules()``."""
    layer = nn.Linear(2, 2)
    model = nn.Sequential(nn.Sequential(layer), nn.Sequential(layer))
    seen = []
    model.apply(lambda module: seen.append(module))
    assert sum(module is layer for module in seen) == 2
    assert sum(module is layer for module in model.modules()) == 1
    twice_in_one_parent = nn.Sequential(layer, layer)
    seen.clear()
    twice_in_one_parent.apply(lambda module: seen.append(module))
    assert len(seen) == 2


LAZY: dict[str, dict[str, int]] = {"LazyConv": {"out_channels": 8, "kernel_size": 3}, "LazyLine": {"out_features": 8}}


def test_lazy_layers_need_a_forward_pass():
    """Before the first forward pass a lazy layer's weight has no shape and nn.init raises; after it the rule works."""
    model = nn.Sequential(nn.LazyLinear(8), nn.ReLU())
    with pytest.raises((RuntimeError, ValueError), match="uninitialized parameter"):
        model.apply(initialize_parameters)
    with torch.no_grad():
        model(torch.zeros(1, 16))
    model.apply(initialize_parameters)
    assert type(model[0]) is nn.Linear
    assert model[0].bias.count_nonzero() == 0
    for name in (name for name in dir(nn) if name.startswith("Lazy")):
        layer = getattr(nn, name)(**({"affine": True} if "Norm" in name else LAZY[name[:8]]))
        with pytest.raises(ValueError, match="uninitialized parameter"):
            nn.init.ones_(layer.weight)
        layer(torch.randn(4, 16, *[6] * (int(name[-2]) if name.endswith("d") else 0)))
        assert initialize(layer) == []


def test_lazy_first_pass_overwrites():
    """The forward pass that gives a lazy layer its shape also draws the default initialization."""
    layer = nn.LazyLinear(2000)
    layer(torch.zeros(1, 25))
    assert layer.weight.abs().max().item() == pytest.approx(1 / math.sqrt(25), rel=1e-3)


WRAPS = [parametrizations.weight_norm, parametrizations.spectral_norm, nn.utils.weight_norm, nn.utils.spectral_norm]


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated")
@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("make", [lambda: nn.Linear(16, 16), lambda: nn.Conv2d(4, 8, 3)])
def test_wrapped_weight_is_not_reached(wrap, make):
    """``weight_norm`` and ``spectral_norm``, old and new, compute ``weight``: filling it is lost, and is reported."""
    torch.manual_seed(0)
    plain = make()
    x = torch.randn(4, *([16] if isinstance(plain, nn.Linear) else [4, 8, 8]))
    nn.init.zeros_(plain.bias)
    layer = wrap(plain).eval()  # spectral_norm goes on with its power iteration in training mode
    before = layer(x)
    behind = [name for name, _ in layer.named_parameters() if name != "bias"]
    assert "weight" not in behind
    assert initialize(layer) == behind != []
    assert torch.equal(layer(x), before)

    layer = make()
    assert initialize(layer) == []
    drawn = layer.weight.detach().clone()
    layer = wrap(layer).eval()
    layer(x)  # the older ones compute it here
    wrapped = layer.weight.detach()
    scale = (drawn.flatten() @ wrapped.flatten() / wrapped.square().sum()).item()  # 1 for weight_norm
    assert torch.allclose(scale * wrapped, drawn, atol=1e-6)


def test_apply_after_loading_destroys():
    """``apply`` after ``load_state_dict`` replaces the loaded weights; on the new head alone it does not."""
    torch.manual_seed(0)
    trained = MyNet().state_dict()
    model = MyNet()
    model.load_state_dict(trained)
    model.head = nn.Linear(32, 5)
    model.head.apply(initialize_parameters)
    backbone = {name: value for name, value in model.state_dict().items() if not name.startswith("head")}
    assert all(torch.equal(value, trained[name]) for name, value in backbone.items())
    model.apply(initialize_parameters)
    assert not torch.equal(model.features[0].weight, trained["features.0.weight"])


def test_replaced_parameter_escapes_the_optimizer():
    """A parameter replaced after the optimizer was made is not trained; one filled in place is."""
    layer = nn.Linear(3, 1, bias=False)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    layer.weight = nn.Parameter(torch.ones(1, 3))
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    assert torch.equal(layer.weight, torch.ones(1, 3))

    layer = nn.Linear(3, 1, bias=False)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    nn.init.ones_(layer.weight)
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    assert torch.allclose(layer.weight, torch.full((1, 3), 0.9))


def test_skip_init_leaves_memory_as_it_is():
    """``skip_init`` makes the layer without drawing its default, so it takes nothing from the random stream."""
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    layer = skip_init(nn.Linear, 64, 64)
    assert torch.equal(torch.rand(1), expected)
    layer.apply(functools.partial(initialize_parameters, slope=SLOPE))
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / (1 + SLOPE**2) / 64), rel=0.1)
    with pytest.raises(RuntimeError, match="must support a 'device' arg"):
        skip_init(MyNet)


def test_padding_row():
    """``normal_`` on an embedding fills the padding row, which was zero; the rule sets it back."""
    layer = nn.Embedding(10, 4, padding_idx=3)
    assert layer.weight[3].count_nonzero() == 0
    nn.init.normal_(layer.weight)
    assert layer.weight[3].count_nonzero() == 4
    layer.apply(initialize_parameters)
    assert layer.weight[3].count_nonzero() == 0


RECURRENT: list[Callable[..., nn.Module]] = [
    functools.partial(nn.RNN, 6, 8, num_layers=2),
    functools.partial(nn.GRU, 6, 8, bidirectional=True),
    functools.partial(nn.LSTM, 6, 8, num_layers=2, bidirectional=True),
    functools.partial(nn.LSTM, 6, 8, proj_size=5),
    functools.partial(nn.RNNCell, 6, 8),
    functools.partial(nn.GRUCell, 6, 8),
    functools.partial(nn.LSTMCell, 6, 8),
]


def is_orthogonal(gate: Tensor, atol: float) -> bool:
    """Its columns are orthonormal (it has no more of them than rows)."""
    gate = gate.detach().double()
    return torch.allclose(gate.T @ gate, torch.eye(gate.shape[1], dtype=torch.float64), atol=atol)


@pytest.mark.parametrize("make", RECURRENT)
def test_recurrent_gates_one_by_one(make):
    """``orthogonal_`` on a stacked matrix makes no gate orthogonal; gate by gate the rule makes every one so."""
    torch.manual_seed(0)
    layer = make()
    for name, matrix in layer.named_parameters():
        if "weight_hh" in name and len(matrix) > 8:  # RNN has one gate only
            nn.init.orthogonal_(matrix)
            assert not any(is_orthogonal(gate, 0.1) for gate in matrix.split(8))
    layer.apply(initialize_parameters)
    for name, parameter in layer.named_parameters():
        if "weight_hh" in name:
            assert all(is_orthogonal(gate, 1e-5) for gate in parameter.split(8))  # QR in float32
        elif "bias" in name and not ("LSTM" in type(layer).__name__ and "ih" in name):
            assert not parameter.any()


@pytest.mark.parametrize("make", [make for make in RECURRENT if make.func in (nn.LSTM, nn.LSTMCell)])
def test_forget_gate_starts_at_one(make):
    """Both biases together are 1 for each forget gate and 0 for the other three; the gate then lets 73% through."""
    layer = make()
    layer.apply(initialize_parameters)
    biases = {name: bias for name, bias in layer.named_parameters() if "bias_ih" in name}
    assert biases
    for name, bias in biases.items():
        total = (bias + layer.get_parameter(name.replace("_ih", "_hh"))).detach()
        assert torch.equal(total, torch.tensor([0.0, 1.0, 0.0, 0.0]).repeat_interleave(8))
    layer = nn.LSTMCell(6, 8)
    layer.apply(initialize_parameters)
    memory = torch.ones(1, 8)
    _, kept = layer(torch.zeros(1, 6), (torch.zeros(1, 8), memory))
    torch.testing.assert_close(kept, torch.full((1, 8), 1 / (1 + math.exp(-1))))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_orthogonal_needs_float32(dtype):
    """``orthogonal_`` raises for bfloat16 and float16: "geqrf_cpu" not implemented; the rule draws in float32."""
    with pytest.raises(RuntimeError, match='"geqrf_cpu" not implemented for'):
        nn.init.orthogonal_(torch.empty(8, 8, dtype=dtype))
    for make in RECURRENT:
        torch.manual_seed(0)
        layer = make(dtype=dtype)
        layer.apply(initialize_parameters)
        for name, parameter in layer.named_parameters():
            assert parameter.dtype == dtype
            if "weight_hh" in name:
                assert all(is_orthogonal(gate, 0.02) for gate in parameter.split(8)), name  # 8 bits of mantissa


def test_double_keeps_its_precision():
    """In float64 the gates are orthogonal to float64's rounding."""
    layer = nn.LSTM(6, 8, dtype=torch.float64)
    layer.apply(initialize_parameters)
    assert all(is_orthogonal(gate, 1e-12) for gate in layer.weight_hh_l0.split(8))


@pytest.mark.parametrize(
    "layer",
    [
        nn.ConvTranspose1d(64, 64, 4, stride=2, bias=False),
        nn.ConvTranspose2d(16, 64, 3, bias=False),
        nn.ConvTranspose2d(64, 16, 4, stride=2, bias=False),
        nn.ConvTranspose2d(64, 64, 4, stride=2, groups=4, bias=False),
        nn.ConvTranspose3d(32, 32, 4, stride=2, bias=False),
    ],
)
def test_transposed_convolution_swaps_the_fans(layer):
    """nn.init's fan_in counts a ConvTranspose's outputs; the rule keeps the second moment, with stride and groups."""
    torch.manual_seed(0)
    kernel = math.prod(layer.kernel_size)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    counted = layer.out_channels // layer.groups * kernel
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / counted), rel=0.05)
    layer.apply(functools.partial(initialize_parameters, slope=SLOPE))
    size = {3: (80,), 4: (14, 14), 5: (7, 7, 7)}[layer.weight.dim()]
    x = torch.randn(8, layer.in_channels, *size)
    y = layer(x)[(..., *[slice(4, -4)] * len(size))].detach()
    kept = nn.functional.leaky_relu(y, SLOPE).square().mean() / x.square().mean()
    assert kept.item() == pytest.approx(1, rel=0.15)


def test_attention_projection_is_missed():
    """A rule for Linear reaches MultiheadAttention's out_proj, not its in_proj_weight, which is a bare parameter."""
    attention = nn.MultiheadAttention(8, 2)
    before = copy.deepcopy(attention.state_dict())

    def linear_only(module):
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)

    attention.apply(linear_only)
    assert torch.equal(attention.in_proj_weight, before["in_proj_weight"])
    assert not torch.equal(attention.out_proj.weight, before["out_proj.weight"])
    attention.apply(initialize_parameters)
    assert not torch.equal(attention.in_proj_weight, before["in_proj_weight"])


def test_table_of_what_is_reached(evidence):
    """The table: the rule for Conv2d reaches that type only, one rule per type reaches every weight shown."""
    table = {row[0]: row[1:] for row in evidence()["reached"][1:]}
    assert len(table) == 7
    for name, (conv, every) in table.items():
        assert conv == ("initialized" if name == "Conv2d.weight" else "untouched")
        assert every == "initialized"


def shared_matrices(layers: nn.ModuleList) -> set[str]:
    """Names of the matrices that at least two of the layers have in common."""
    named = [{name: p for name, p in layer.named_parameters() if p.dim() > 1} for layer in layers]
    return {name for name in named[0] for a, b in itertools.combinations(named, 2) if torch.equal(a[name], b[name])}


@pytest.mark.parametrize("kind", ["Encoder", "Decoder"])
def test_encoder_layers_are_copies(kind):
    """nn.TransformerEncoder and Decoder start with six equal layers, nn.Transformer does not; the rules undo it.

    A rule for Linear alone leaves ``in_proj_weight`` equal in all six.
    """
    torch.manual_seed(0)
    layer = getattr(nn, f"Transformer{kind}Layer")(16, 2, 32, batch_first=True)
    stack = getattr(nn, f"Transformer{kind}")(layer, 6)
    matrices = {name for name, p in layer.named_parameters() if p.dim() > 1}
    assert shared_matrices(stack.layers) == matrices
    whole = nn.Transformer(16, 2, 6, 6, 32, batch_first=True)
    assert shared_matrices(getattr(whole, kind.lower()).layers) == set()

    def linear_only(module):
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)

    stack.apply(linear_only)
    assert shared_matrices(stack.layers) == {name for name in matrices if name.endswith("in_proj_weight")}
    stack.apply(initialize_parameters)
    assert shared_matrices(stack.layers) == set()


class Tied(nn.Module):
    """A language model's ends: an embedding and an output layer with the same weight."""

    def __init__(self, head_first: bool) -> None:
        super().__init__()
        for name in ["head", "embedding"] if head_first else ["embedding", "head"]:
            setattr(self, name, nn.Linear(64, 500, bias=False) if name == "head" else nn.Embedding(500, 64))
        self.tie()

    def tie(self) -> None:
        self.head.weight = self.embedding.weight


@pytest.mark.parametrize(("head_first", "applied"), [(False, 0.177), (True, 0.02)])
def test_tied_weight_is_drawn_by_the_last(head_first, applied):
    """``apply`` on a tied weight: the module registered last wins, std 0.18 or 0.02; ``initialize``: 0.02 always."""
    torch.manual_seed(0)
    model = Tied(head_first)
    model.apply(initialize_parameters)
    assert model.head.weight.std().item() == pytest.approx(applied, rel=0.03)
    assert initialize(model) == []
    assert model.head.weight is model.embedding.weight
    assert model.head.weight.std().item() == pytest.approx(0.02, rel=0.03)


@pytest.fixture
def garbage() -> Iterator[None]:
    """Memory that nobody filled holds NaN, as torch arranges it for deterministic runs."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


WITH_PARAMETERS: list[Callable[[], nn.Module]] = [
    *[functools.partial(layer, 4, 6, 3) for layer in (nn.Conv1d, nn.Conv2d, nn.Conv3d)],
    *[functools.partial(layer, 4, 6, 3) for layer in (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)],
    *[functools.partial(norm, 4) for norm in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)],
    *[
        functools.partial(norm, 4, affine=True, track_running_stats=True)
        for norm in (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
    ],
    *[functools.partial(norm, 4) for norm in (nn.LayerNorm, nn.RMSNorm)],
    functools.partial(nn.GroupNorm, 2, 4),
    *RECURRENT,
    functools.partial(nn.Linear, 4, 6),
    functools.partial(nn.Bilinear, 4, 5, 6),
    nn.PReLU,
    functools.partial(nn.Embedding, 9, 4, padding_idx=0),
    functools.partial(nn.EmbeddingBag, 9, 4),
    functools.partial(nn.MultiheadAttention, 8, 2),
    functools.partial(nn.MultiheadAttention, 8, 2, kdim=6, vdim=4, add_bias_kv=True),
    functools.partial(nn.TransformerEncoderLayer, 8, 2, 16),
    functools.partial(nn.TransformerDecoderLayer, 8, 2, 16),
    functools.partial(nn.Transformer, 8, 2, 2, 2, 16, batch_first=True),
    functools.partial(nn.AdaptiveLogSoftmaxWithLoss, 32, 20, [4, 12]),
]


@pytest.mark.parametrize("make", WITH_PARAMETERS)
def test_every_layer_of_torch_is_written(make, garbage):
    """Made on meta and given memory full of NaN, each layer type of torch.nn is finite afterwards, buffers included."""
    with torch.device("meta"):
        layer = make()
    layer.to_empty(device="cpu")
    assert all(value.isnan().all() for value in layer.state_dict().values() if value.is_floating_point())
    assert initialize(layer) == []
    assert all(value.isfinite().all() for value in layer.state_dict().values())


def test_no_layer_of_torch_is_forgotten():
    """A layer with parameters that torch adds shall be noticed: those not tried above are bases, lazy or containers."""
    tried = {getattr(make, "func", make) for make in WITH_PARAMETERS}
    kinds = {kind for kind in vars(nn).values() if isinstance(kind, type) and issubclass(kind, nn.Module)}
    left = {kind.__name__ for kind in kinds - tried if "Lazy" not in kind.__name__ and kind.__module__ in LAYER_FILES}
    assert left <= {
        *("Identity", "LocalResponseNorm", "CrossMapLRN2d"),  # no parameters
        *("RNNBase", "RNNCellBase", "TransformerEncoder", "TransformerDecoder"),  # bases; copies of a layer tried above
    }


LAYER_FILES = {
    f"torch.nn.modules.{name}"
    for name in (
        "adaptive",
        "batchnorm",
        "conv",
        "instancenorm",
        "linear",
        "normalization",
        "rnn",
        "sparse",
        "transformer",
    )
}


class WithParts(nn.Module):
    """A bare parameter, a buffer computed by the constructor, and a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((4,), 1e-6))
        self.register_buffer("positions", torch.arange(4.0))
        self.layer = nn.Linear(4, 4)


def test_initialize_names_what_no_rule_wrote():
    """``initialize`` returns the names of parameters that no rule wrote; a write through ``.data`` is not counted."""
    model = WithParts()
    assert initialize(model) == ["scale"]
    assert torch.equal(model.scale, torch.full((4,), 1e-6))
    assert initialize(MyNet()) == []

    class ThroughData(WithParts):
        def reset_parameters(self) -> None:
            self.scale.data.fill_(2.0)

    assert initialize(model := ThroughData()) == ["scale"]
    assert torch.equal(model.scale, torch.full((4,), 2.0))


def test_meta_init_is_lost(garbage):
    """What is initialized on meta is lost without an error; ``to_empty`` fills no parameter and no buffer."""
    with torch.device("meta"):
        model = WithParts()
        initialize(model)
    model.to_empty(device="cpu")
    assert all(value.isnan().all() for value in model.state_dict().values())
    assert initialize(model) == ["scale"]  # named, and still garbage
    assert model.layer.weight.isfinite().all()
    assert model.scale.isnan().all()
    assert model.positions.isnan().all()  # a buffer of one's own has to be computed anew


@pytest.mark.parametrize("head_first", [False, True])
def test_to_empty_unties(head_first):
    """``to_empty`` on a model made on meta gives tied weights memory of their own; tied again they are one."""
    with torch.device("meta"):
        model = Tied(head_first=head_first)
    assert model.head.weight is model.embedding.weight
    model.to_empty(device="cpu")
    assert model.head.weight is not model.embedding.weight
    assert model.head.weight.data_ptr() != model.embedding.weight.data_ptr()
    model.tie()
    initialize(model)
    assert model.head.weight.std().item() == pytest.approx(0.02, rel=0.03)


@pytest.mark.parametrize("make", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
def test_optimizer_before_to_empty_trains_nothing(make):
    """An optimizer made before ``to_empty`` holds the meta parameters: it steps, moves nothing and says nothing."""
    for before in (True, False):
        with torch.device("meta"):
            model = nn.Linear(3, 1)
        early = make(model.parameters(), lr=0.1)
        model.to_empty(device="cpu")
        initialize(model)
        optimizer = early if before else make(model.parameters(), lr=0.1)
        weight = model.weight.detach().clone()
        model(torch.ones(2, 3)).sum().backward()
        optimizer.step()
        assert torch.equal(model.weight, weight) == before


def test_norm_layers():
    """Scale 1, shift 0 and fresh running statistics, also where training had moved them."""
    layer = nn.BatchNorm2d(4)
    with torch.no_grad():
        layer.weight.fill_(3)
        layer.bias.fill_(2)
        layer.running_mean.fill_(5)
    layer.apply(initialize_parameters)
    assert not layer.running_mean.any()
    assert torch.equal(layer.weight, torch.ones(4))
    assert torch.equal(layer.bias, torch.zeros(4))


def test_norm_hides_the_scale():
    """In training a BatchNorm right after a layer gives the same output for weights that are seven times as large."""
    torch.manual_seed(0)
    layer, norm = nn.Linear(16, 8, bias=False), nn.BatchNorm1d(8)
    x = torch.randn(64, 16)
    before = norm(layer(x))
    with torch.no_grad():
        layer.weight.mul_(7)
    assert torch.allclose(norm(layer(x)), before, atol=1e-3)  # eps = 1e-5 beside a variance of about 0.3
    norm.eval()  # with running statistics the scale shows
    assert not torch.allclose(norm(layer(x)), before, atol=1)
