"""Pre-LN and Post-LN: equal to torch's layer with gradients, and the claims of the page."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

from snippets.normalization.pre_ln_vs_post_ln.evidence import DEPTHS, RATES, SEEDS
from snippets.normalization.pre_ln_vs_post_ln.from_scratch import EncoderLayer
from snippets.normalization.pre_ln_vs_post_ln.use import make_encoder


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("pre", [True, False])
def test_equals_torch(pre: bool, dtype: torch.dtype) -> None:
    """Output and all gradients equal those of torch.nn.TransformerEncoderLayer, with norm_first and without."""
    torch.manual_seed(0)
    ours = EncoderLayer(16, 4, 24, pre).to(dtype)
    theirs = nn.TransformerEncoderLayer(16, 4, 24, dropout=0.0, batch_first=True, norm_first=pre).to(dtype)
    for p in theirs.parameters():
        nn.init.normal_(p, std=0.3)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 5, 16, dtype=dtype)
    results = []
    for layer in (ours, theirs):
        given = x.clone().requires_grad_()
        out = layer(given)
        out.square().sum().backward()
        results.append([out, given.grad, *(p.grad for _, p in sorted(layer.named_parameters()))])
    tolerance = 1e-10 if dtype == torch.float64 else 1e-4
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def test_empty_branches() -> None:
    """With branches that return 0, a Pre-LN layer is the identity; a Post-LN layer normalizes its input."""
    torch.manual_seed(0)
    x = 3 + 5 * torch.randn(2, 5, 16)
    for pre in (True, False):
        layer = EncoderLayer(16, 4, 24, pre)
        for last in (layer.self_attn.out_proj, layer.linear2):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
        assert torch.equal(layer(x), x) == pre
        if not pre:
            assert torch.allclose(layer(x), nn.functional.layer_norm(x, (16,)), atol=1e-4)


def test_gradient_by_depth(evidence) -> None:
    """From 2 to 16 blocks the last gradient of Pre-LN falls by over a third, that of Post-LN by less than a third."""
    assert (DEPTHS[0], DEPTHS[-1]) == (2, 16)
    pre, post = (evidence()[name]["norm"] for name in ("Pre-LN", "Post-LN"))
    assert pre[-1] < 2 / 3 * pre[0]
    assert post[-1] > 2 / 3 * post[0]


def test_stream_grows(evidence) -> None:
    """Spread of what leaves the last block: over twice as large after 16 blocks as 2 in Pre-LN, 1.0 in Post-LN."""
    pre, post = (evidence()[name]["spread"] for name in ("Pre-LN", "Post-LN"))
    assert pre[-1] > 2 * pre[0]
    assert sorted(pre) == pre
    assert [round(each, 1) for each in post] == [1.0] * len(DEPTHS)


def test_warm_up_on_digits(evidence) -> None:
    """Means of four seeds at 0.01: Post-LN without warm-up below 45%; with it, and Pre-LN, over 65%; at 0.001 all."""
    means = {
        name: {rate: sum(row) / SEEDS for rate, row in zip(RATES, of["accuracy"], strict=True)}
        for name, of in evidence().items()
    }
    assert means["Post-LN"][0.01] < 0.45
    assert min(means["Post-LN, warm-up"][0.01], means["Pre-LN"][0.01]) > 0.65
    assert min(of_rate[0.001] for of_rate in means.values()) > 0.65


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("width", [32, 128])
def test_last_norm_is_not_automatic(width: int, seed: int) -> None:
    """nn.TransformerEncoder adds no last LayerNorm: 12 norm_first layers end with a spread over 3, with it 1."""
    torch.manual_seed(seed)
    x = torch.randn(2, 5, width)
    layer = nn.TransformerEncoderLayer(width, 4, 4 * width, dropout=0.0, batch_first=True, norm_first=True)
    bare = nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)
    assert bare.norm is None
    assert bare(x).std(dim=-1).mean() > 3
    for pre in (True, False):
        out = make_encoder(width, 4, 12, pre=pre, dropout=0.0)(x)
        assert out.std(dim=-1, correction=0).mean().item() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("pre", [True, False])
def test_weights_load_into_the_wrong_form(pre: bool) -> None:
    """A layer's weights load into the other form without an error, and its output is another one.

    Of a whole encoder only the last norm's names tell the forms apart.
    """
    torch.manual_seed(0)
    trained, wrong = EncoderLayer(16, 4, 24, pre), EncoderLayer(16, 4, 24, not pre)
    shapes = [{name: p.shape for name, p in layer.state_dict().items()} for layer in (trained, wrong)]
    assert shapes[0] == shapes[1]
    wrong.load_state_dict(trained.state_dict(), strict=True)
    x = torch.randn(2, 5, 16)
    assert (trained(x) - wrong(x)).abs().max() > 0.5
    one, other = (make_encoder(16, 4, 2, pre=each).state_dict().keys() for each in (True, False))
    assert one - other == {"norm.weight", "norm.bias"}
    assert not other - one


def test_nested_tensor_warning() -> None:
    """The quoted warning comes with norm_first and enable_nested_tensor's default; the code above gives none."""
    layer = nn.TransformerEncoderLayer(32, 4, batch_first=True, norm_first=True)
    quoted = (
        "enable_nested_tensor is True, but self.use_nested_tensor is False because encoder_layer.norm_first was True"
    )
    with pytest.warns(UserWarning, match=quoted):
        nn.TransformerEncoder(layer, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_encoder(32, 4, 2, pre=True)
        make_encoder(32, 4, 2, pre=False)


def test_layers_start_alike() -> None:
    """nn.TransformerEncoder copies one layer: all layers have equal weights at the start."""
    encoder = make_encoder(32, 4, 3)
    first = encoder.layers[0].state_dict()
    assert all(
        torch.equal(first[name], value) for layer in encoder.layers for name, value in layer.state_dict().items()
    )
