"""What initializers of the guide claim and refuse, by ``<id_>/<role>.function``.

`test_initialization.py` compares it with what they do: one that stops keeping the signal, loses its flat distribution
or its bounds, or refuses a shape that it took, fails. What is not here keeps no signal, takes every shape from 2-D to
5-D, and is a constant, a pattern or a bell.
"""

from __future__ import annotations

ISOMETRIES = (
    "delta_orthogonal_init/use.delta_orthogonal_",
    "identity_init/from_scratch.eye_",
    "identity_init/use.identity_init_",
    "orthogonal_init/from_scratch.orthonormal_rows_",
    "orthogonal_init/use.orthogonal_init_",
)
LINEAR = (
    "lecun_init/from_scratch.lecun_truncated_",
    "lecun_init/from_scratch.lecun_uniform_",
    "lecun_init/use.lecun_normal_",
    "sparse_init/use.sparse_init_",
    "xavier_init/from_scratch.xavier_normal_",
    "xavier_init/from_scratch.xavier_uniform_",
)
RELU = (
    "calculate_gain/use.gain_normal_",
    "icnr/use.icnr_",
    "kaiming_init/from_scratch.kaiming_normal_",
    "kaiming_init/from_scratch.kaiming_uniform_",
)

# What keeps the second moment of a signal: exactly, that of linear layers, that of ReLU layers.
KEEPS = dict.fromkeys(ISOMETRIES, "exactly") | dict.fromkeys(LINEAR, "linear") | dict.fromkeys(RELU, "relu")

# Shapes that are not taken, by their number of dimensions.
MATRICES, KERNELS = frozenset({2}), frozenset({3, 4, 5})
REFUSES = {
    "dirac_init/from_scratch.dirac_": MATRICES,
    "dirac_init/use.dirac_init_": MATRICES,
    "identity_init/from_scratch.eye_": KERNELS,
    "identity_init/use.identity_init_": KERNELS,
    "sparse_init/from_scratch.sparse_columns_": KERNELS,
}

# Distributions of those that have a closed form; a bell is cut at two of its own standard deviations.
FLAT, CUT, BELL = "flat", "cut", "bell"
DISTRIBUTION = {
    "kaiming_init/from_scratch.kaiming_uniform_": FLAT,
    "lecun_init/from_scratch.lecun_uniform_": FLAT,
    "pytorch_default_init/use.pytorch_default_": FLAT,
    "siren_init/use.siren_init_": FLAT,
    "uniform_init/from_scratch.stretched_uniform_": FLAT,
    "uniform_init/use.symmetric_uniform_": FLAT,
    "xavier_init/from_scratch.xavier_uniform_": FLAT,
    "lecun_init/from_scratch.lecun_truncated_": CUT,
    "truncated_normal_init/from_scratch.inverse_truncated_normal_": CUT,
    "truncated_normal_init/use.truncated_normal_": CUT,
}
