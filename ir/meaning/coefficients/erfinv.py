"""Coefficients of erfinv: Chebyshev interpolation (near minimax) with mpmath, in powers of the shifted variable.

erfinv(x) = x P(w), w = -log(1 - x^2); near in w, far in s = sqrt(w). The constant term is printed as a pair.
Run: python3 erfinv.py
"""
import struct

from mpmath import cos, erfc, erfinv, exp, expm1, log, mp, mpf, pi, sqrt

mp.prec = 160


def ratio(w):
    """erfinv(x) / x at w = -log(1 - x^2)."""
    x = sqrt(-expm1(-w))
    if w < mpf("1e-30"):
        return sqrt(pi) / 2
    if x < 0.5:
        return erfinv(x) / x
    tail = exp(-w) / (1 + x)  # 1 - x
    y = sqrt(w) if w > 1 else erfinv(mpf(float(x)))
    for _ in range(60):
        d = (erfc(y) - tail) * sqrt(pi) / 2 * exp(y * y)
        step = d / (1 - y * d) if abs(y * d) < 0.5 else d
        y += step
        if abs(step) < mpf(2) ** -150 * abs(y):
            break
    return y / x


def interpolate(f, a, b, degree, shift):
    """Coefficients in powers of (w - shift) of the Chebyshev interpolant on [a, b]."""
    n, c, h = degree + 1, (a + b) / 2, (b - a) / 2
    nodes = [cos(pi * (2 * k + 1) / (2 * n)) for k in range(n)]
    values = [f(c + h * x) for x in nodes]
    series = []
    for j in range(n):
        s = sum(values[k] * cos(j * pi * (2 * k + 1) / (2 * n)) for k in range(n)) * 2 / n
        series.append(s / 2 if j == 0 else s)
    t = [[mpf(1)], [mpf(0), mpf(1)]]
    for _ in range(2, n):
        nxt = [mpf(0)] + [2 * v for v in t[-1]]
        for k, v in enumerate(t[-2]):
            nxt[k] -= v
        t.append(nxt)
    powers = [mpf(0)] * n
    for i, s in enumerate(series):
        for k, v in enumerate(t[i]):
            powers[k] += s * v
    result = [mpf(0)]
    for k in range(n - 1, -1, -1):
        grown = [mpf(0)] * (len(result) + 1)
        for i, v in enumerate(result):
            grown[i] += v * (shift - c) / h
            grown[i + 1] += v / h
        grown[0] += powers[k]
        result = grown
    return result[:n]


def single(v):
    return mpf(struct.unpack("f", struct.pack("f", float(v)))[0])


def double(v):
    return mpf(float(v))


def text(v, suffix):
    m, e = float(v).hex().split("p")
    if "." in m:
        m = m.rstrip("0").rstrip(".")
    return m + "p" + str(int(e)) + suffix


def fit(name, f, a, b, degree, shift, rounded):
    a, b, shift = mpf(a), mpf(b), mpf(shift)
    exact = interpolate(f, a, b, degree, shift)
    coefficients = [rounded(v) for v in exact]
    low = rounded(exact[0] - coefficients[0])
    worst = mpf(0)
    for k in range(400):
        w = a + (b - a) * k / 399
        value = low + sum(v * (w - shift) ** i for i, v in enumerate(coefficients))
        worst = max(worst, abs(value / f(w) - 1))
    suffix = "f" if rounded is single else ""
    print(name, "degree", degree, "log2 error", mp.nstr(log(worst, 2), 5))
    print(" ", text(coefficients[0], suffix), "+", text(low, suffix), "then",
          ", ".join(text(v, suffix) for v in coefficients[1:]))


def tail_ratio(s):
    return ratio(s * s)


fit("f32 near", ratio, 0, 5, 9, 2.5, single)
fit("f32 far", tail_ratio, sqrt(5), 4.08, 9, 3, single)
fit("f64 near", ratio, 0, 6, 25, 3, double)
fit("f64 far, low", tail_ratio, sqrt(6), 4, 22, 3.25, double)
fit("f64 far, high", tail_ratio, 4, 6.1, 20, 5, double)
