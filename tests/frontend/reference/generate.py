#!/usr/bin/env python3
"""Writes nn_cases.txt: calls of the functions of leat/nn.h, with inputs and what NumPy and SciPy give.

Every expected value is computed in float64 by another road than ours: SciPy's softmax, log_softmax, erf and
correlate, sliding windows, scattered products for the transposed convolution. Run it again only to add cases:

    python3 tests/frontend/reference/generate.py      # needs NumPy and SciPy; the output is checked in

One case is a block of lines, blocks are separated by an empty line:

    case FUNCTION OPTION=VALUE...     a value is a number or a list 1,2
    tol T                             |got - want| <= T * max(1, |want|)
    in DTYPE DIMS: ...                one per operand; DIMS like 2,3
    out DTYPE DIMS: ...
"""
import pathlib

import numpy as np
import scipy.signal
import scipy.special as special
from numpy.lib.stride_tricks import sliding_window_view

rng = np.random.default_rng(7)
lines = []
NAMES = {"bool": "bool", "float16": "f16", "float32": "f32", "float64": "f64", "int32": "i32", "int64": "i64"}
TOLERANCE = {"float16": 1e-3, "float32": 2e-6, "float64": 4e-15}


def number(v):
    if v.dtype.kind != "f":
        return str(int(v))
    text = np.format_float_positional(v, unique=True, trim="-")
    return text if len(text) < 12 else np.format_float_scientific(v, unique=True, trim="-")


def array_line(kind, a):
    return f"{kind} {NAMES[a.dtype.name]} {','.join(map(str, a.shape)) or '-'}: {' '.join(map(number, a.ravel()))}"


def case(call, inputs, want):
    """`want` in float64; it is rounded to the first input's dtype."""
    dtype = inputs[0].dtype
    lines.append(f"case {call}")
    lines.append(f"tol {TOLERANCE[dtype.name]:g}")
    lines.extend(array_line("in", a) for a in inputs)
    lines.append(array_line("out", np.asarray(want).astype(dtype)))
    lines.append("")


def draw(*shape, dtype="float32", scale=1.0):
    """Sixteenths: exact in every dtype, and short to write."""
    return (np.round(rng.standard_normal(shape) * scale * 16) / 16).astype(dtype)


def wide(*arrays):
    return [a.astype(np.float64) for a in arrays]


# --- activations and softmax ---
def softplus(x):
    return np.logaddexp(0, x)


ACTIVATIONS = {
    "relu6": lambda x: np.clip(x, 0, 6),
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu slope=0.2": lambda x: np.where(x >= 0, x, 0.2 * x),
    "elu alpha=0.5": lambda x: np.where(x > 0, x, 0.5 * (np.exp(x) - 1)),
    "selu": lambda x: 1.0507009873554804934193349852946 * np.where(x > 0, x, 1.6732632423543772848170429916717 * np.expm1(x)),
    "gelu": lambda x: x * special.ndtr(x),
    "gelu approximate=1": lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x: x * special.expit(x),
    "softplus": softplus,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "mish": lambda x: x * np.tanh(softplus(x)),
}
for call, f in ACTIVATIONS.items():
    for dtype in ("float32", "float64", "float16"):
        x = np.concatenate([draw(14, dtype=dtype, scale=3), np.array([-30, -8, 0, 8, 30], dtype)])
        case(call, [x], f(x.astype(np.float64)))
for dtype in ("float32", "float64", "float16"):
    for axis in (-1, 0, 1) if dtype == "float32" else (-1,):
        x = draw(3, 2, 5, dtype=dtype, scale=4)
        case(f"softmax axis={axis}", [x], special.softmax(x.astype(np.float64), axis=axis))
        case(f"log_softmax axis={axis}", [x], special.log_softmax(x.astype(np.float64), axis=axis))


# --- normalisations ---
def standardize(x, axes, epsilon):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + epsilon)


for dtype in ("float32", "float64", "float16"):
    for axis in (-1, 1) if dtype == "float32" else (-1,):
        x = draw(2, 3, 6, dtype=dtype) + np.asarray(2, dtype)
        over = tuple(range(axis % 3, 3))
        g, b = draw(*x.shape[axis % 3 :], dtype=dtype), draw(*x.shape[axis % 3 :], dtype=dtype)
        X, G, B = wide(x, g, b)
        case("layer_norm epsilon=0.001", [x], standardize(X, (2,), 1e-3))
        case("layer_norm", [x, g, b], standardize(X, over, 1e-5) * G + B)
        mean_square = np.mean(X * X, over, keepdims=True)
        case("rms_norm", [x, g], X / np.sqrt(mean_square + 1e-6) * G)
    x = draw(2, 6, 2, 2, dtype=dtype)
    g, b, m = draw(6, dtype=dtype), draw(6, dtype=dtype), draw(6, dtype=dtype)
    v = np.abs(draw(6, dtype=dtype)) + np.asarray(0.5, dtype)
    X, G, B, M, V = wide(x, *[a.reshape(6, 1, 1) for a in (g, b, m, v)])
    case("batch_norm", [x, m, v, g, b], (X - M) / np.sqrt(V + 1e-5) * G + B)
    for groups in (1, 2, 6) if dtype == "float32" else (3,):
        y = standardize(X.reshape(2, groups, -1), (2,), 1e-5).reshape(X.shape)
        case(f"group_norm groups={groups}", [x, g, b], y * G + B)
    case("instance_norm", [x, g, b], standardize(X, (2, 3), 1e-5) * G + B)


# --- convolutions ---
def text(**options):
    def value(v):
        return ",".join(map(str, v)) if isinstance(v, (tuple, list)) else str(v)

    return "".join(f" {k}={value(v)}" for k, v in options.items())


def dilated(a, steps):
    out = np.zeros(a.shape[:2] + tuple((s - 1) * d + 1 for s, d in zip(a.shape[2:], steps)))
    out[(slice(None),) * 2 + tuple(slice(None, None, d) for d in steps)] = a
    return out


def conv(x, w, strides, low, high, dilation, groups):
    x = np.pad(x, [(0, 0), (0, 0), *zip(low, high)])
    w = dilated(w, dilation)
    c, m = x.shape[1] // groups, w.shape[0] // groups
    rows = []
    for image in x:
        out = []
        for o in range(w.shape[0]):
            first = o // m * c
            out.append(scipy.signal.correlate(image[first : first + c], w[o], "valid")[0])
        rows.append(out)
    keep = tuple(slice(None, None, s) for s in strides)
    return np.array(rows)[(slice(None),) * 2 + keep]


def conv_transpose(x, w, strides, low, high, dilation, groups, output_padding):
    """Adds x * w at every place that the convolution would have read it from."""
    c, m = x.shape[1] // groups, w.shape[1]
    full = [(s - 1) * t + d * (k - 1) + 1 + e
            for s, t, d, k, e in zip(x.shape[2:], strides, dilation, w.shape[2:], output_padding)]
    y = np.zeros((x.shape[0], m * groups, *full))
    for place in np.ndindex(*x.shape[2:]):
        for tap in np.ndindex(*w.shape[2:]):
            to = tuple(p * t + k * d for p, t, k, d in zip(place, strides, tap, dilation))
            for i in range(x.shape[1]):
                g = i // c
                values = np.outer(x[(slice(None), i) + place], w[(i, slice(None)) + tap])
                y[(slice(None), slice(g * m, (g + 1) * m)) + to] += values
    crop = tuple(slice(p, n - q) for p, q, n in zip(low, high, full))
    return y[(slice(None),) * 2 + crop]


CONVOLUTIONS = [  # spatial extents, kernel, strides, low, high, dilation, groups
    ((9,), (3,), (1,), (0,), (0,), (1,), 1),
    ((9,), (4,), (2,), (1,), (3,), (2,), 2),
    ((6, 5), (3, 2), (1, 1), (1, 1), (1, 1), (1, 1), 1),
    ((6, 7), (3, 3), (2, 3), (0, 2), (1, 0), (2, 1), 4),
    ((4, 3, 5), (2, 2, 3), (1, 2, 1), (1, 0, 1), (0, 0, 2), (1, 1, 2), 2),
]
for dtype in ("float32", "float64"):
    for extents, kernel, strides, low, high, dilation, groups in CONVOLUTIONS:
        if dtype == "float64" and len(extents) != 2:
            continue
        options = dict(strides=strides, low=low, high=high, dilation=dilation, groups=groups)
        x, w, b = draw(1, 4, *extents, dtype=dtype), draw(4, 4 // groups, *kernel, dtype=dtype), draw(4, dtype=dtype)
        X, W, B = wide(x, w, b)
        bias = B.reshape(4, *[1] * len(extents))
        case("conv" + text(**options), [x, w, b], conv(X, W, **options) + bias)
        small = tuple(max(2, e // 2) for e in extents)
        x, w = draw(1, 4, *small, dtype=dtype), draw(4, 4 // groups, *kernel, dtype=dtype)
        X, W = wide(x, w)
        options["output_padding"] = tuple(s - 1 for s in strides)
        case("conv_transpose" + text(**options), [x, w, b], conv_transpose(X, W, **options) + bias)
# Padding beyond the kernel's reach crops the result.
x, w = draw(1, 2, 4), draw(2, 1, 2)
options = dict(strides=(2,), low=(3,), high=(2,), dilation=(1,), groups=1, output_padding=(0,))
case("conv_transpose" + text(**options), [x, w], conv_transpose(*wide(x, w), **options))


# --- pools ---
def windows(x, fill, window, strides, low, high, dilation):
    x = np.pad(x, [(0, 0), (0, 0), *zip(low, high)], constant_values=fill)
    reach = tuple((k - 1) * d + 1 for k, d in zip(window, dilation))
    n = len(window)
    view = sliding_window_view(x, reach, tuple(range(2, 2 + n)))
    view = view[(slice(None),) * 2 + tuple(slice(None, None, s) for s in strides)]
    return view[(Ellipsis,) + tuple(slice(None, None, d) for d in dilation)], tuple(range(-n, 0))


POOLS = [  # spatial extents, window, strides, low, high, dilation
    ((9,), (2,), (2,), (0,), (0,), (1,)),
    ((7, 6), (3, 2), (2, 1), (1, 0), (1, 1), (1, 1)),
    ((8, 6), (2, 3), (1, 2), (1, 1), (0, 2), (2, 1)),
    ((4, 3, 5), (2, 2, 2), (1, 1, 2), (1, 0, 0), (1, 1, 1), (1, 1, 1)),
]
for dtype in ("float32", "float64", "float16"):
    for extents, window, strides, low, high, dilation in POOLS[:: 1 if dtype == "float32" else 2]:
        options = dict(window=window, strides=strides, low=low, high=high, dilation=dilation)
        x = draw(1, 1, *extents, dtype=dtype)
        X = x.astype(np.float64)
        seen, axes = windows(X, -np.inf, **options)
        case("max_pool" + text(**options), [x], seen.max(axes))
        seen, axes = windows(X, np.nan, **options)
        case("avg_pool" + text(**options), [x], np.nanmean(seen, axes))
        seen, axes = windows(X, 0, **options)
        case("avg_pool" + text(**options) + " count_padding=1", [x], seen.mean(axes))
    x = draw(2, 3, 5, 4, dtype=dtype)
    case("global_avg_pool", [x], x.astype(np.float64).mean((2, 3), keepdims=True))
    case("global_max_pool", [x], x.max((2, 3), keepdims=True))


# --- attention, linear, cross_entropy ---
def attention(q, k, v, mask, causal, scale):
    s = np.einsum("...md,...nd->...mn", q, k) * scale + mask
    m, n = s.shape[-2:]
    if causal:
        s = np.where(np.arange(n) > np.arange(m)[:, None] + (n - m), -np.inf, s)
    return special.softmax(s, axis=-1) @ v


for dtype in ("float32", "float64", "float16"):
    q, k, v = draw(2, 3, 4, dtype=dtype), draw(2, 5, 4, dtype=dtype), draw(2, 5, 3, dtype=dtype)
    Q, K, V = wide(q, k, v)
    default = 0.5  # 1 / sqrt(4)
    case("attention", [q, k, v], attention(Q, K, V, 0, False, default))
    case("attention causal=1 scale=0.75", [q, k, v], attention(Q, K, V, 0, True, 0.75))
    mask = draw(3, 5, dtype=dtype)
    case("attention", [q, k, v, mask], attention(Q, K, V, mask.astype(np.float64), False, default))
    seen = rng.random((2, 1, 5)) < 0.7
    seen[..., 0] = True
    case("attention", [q, k, v, seen], attention(Q, K, V, np.where(seen, 0, -np.inf), False, default))
    logits, labels = draw(6, 5, dtype=dtype, scale=3), rng.integers(0, 5, 6)
    each = -special.log_softmax(logits.astype(np.float64), axis=-1)[np.arange(6), labels]
    case("cross_entropy", [logits, labels], each.mean())
for dtype in ("float32", "float64"):
    x, w, b = draw(2, 3, 7, dtype=dtype), draw(7, 4, dtype=dtype), draw(4, dtype=dtype)
    case("linear", [x, w, b], wide(x)[0] @ wide(w)[0] + b)

path = pathlib.Path(__file__).with_name("nn_cases.txt")
path.write_text("\n".join(lines))
print(sum(line.startswith("case") for line in lines), "cases,", path.stat().st_size, "bytes")
