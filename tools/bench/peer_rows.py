"""One peer's side of the benchmark table: run by tools/bench/peers in the peer's own environment.

Each peer is an object with a method a row; what a peer does not have it leaves out. The works have the names that
Leat's benchmarks give them.
"""

import argparse
import json
import random
import sys
import time

EXTENT = 1 << 24
SIZES = [(256, 1024), (4096, 4096)]
PRODUCTS = [256, 1000, 2048]
CONVOLUTIONS = [(64, 56), (128, 28), (256, 14), (512, 7)]
BLOCKS = [(64, 56), (128, 28)]


class Bench:
    def __init__(self, peer, rows, rounds):
        self.peer, self.rows, self.rounds = peer, rows, rounds

    def wants(self, row):
        return not self.rows or row in self.rows

    def report(self, row, work, samples, who="", unit="us"):
        samples = sorted(samples)
        n = len(samples)
        print(json.dumps({"row": row, "work": work, "who": self.peer + who, "unit": unit,
                          "median": samples[n // 2], "low": samples[n // 4],
                          "high": samples[n - 1 - n // 4]}), flush=True)

    def time(self, row, work, run, per=1, unit="us"):
        """Rounds of about 4 ms, or one call each."""
        for _ in range(3):
            run()
        begin = time.perf_counter()
        run()
        repeats = max(1, min(10000, int(0.004 / max(time.perf_counter() - begin, 1e-7))))
        samples = []
        for _ in range(self.rounds):
            begin = time.perf_counter()
            for _ in range(repeats):
                run()
            samples.append((time.perf_counter() - begin) / repeats / per * 1e6)
        self.report(row, work, samples, unit=unit)


def random_ops(seed):
    """100 ops as Leat's async_bench has them, as a function of an array module and of what it lacks."""
    choose = random.Random(seed)
    plan = [(choose.randrange(16), choose.randrange(2 + i)) for i in range(100)]

    def build(x, y, m):
        values = [x, y]
        for op, other in plan:
            a, b = values[-1], values[other]
            values.append(
                m.softmax(a) if op == 0 else m.transpose(a) if op == 1 else a - m.row_mean(a) if op == 2 else
                m.tanh(a) if op == 3 else m.sqrt(m.abs(a)) if op == 4 else m.exp(m.least(a, 1.0)) if op == 5 else
                m.maximum(a, b) if op == 6 else a * 0.5 if op == 7 else m.tanh(a * b) if op < 10 else
                m.where(a < b, a, b) if op == 10 else a - b if op < 13 else a + b)
        return values[-1]

    return build


def chain_of_8(a, b):
    return ((((a + b) * a - b) * 0.5 + a) * b - 1.5) * a


def run_numpy(bench):
    import numpy as np

    def products():
        g = np.random.default_rng(42)
        for x in [g.standard_normal((1000, 1000), dtype=np.float32) for _ in range(10)]:
            x @ x

    f32 = lambda *shape: np.random.default_rng(1).standard_normal(shape, dtype=np.float32)
    if bench.wants(2):
        x = f32(1)
        bench.time(2, "(x + 1).item()", lambda: (x + 1).item())
    if bench.wants(4):
        bench.time(4, "10 x (normal, matmul) 1000^2", products)
    if bench.wants(5):
        a, b = f32(EXTENT), f32(EXTENT)
        bench.time(5, "chain of 8, 2^24", lambda: chain_of_8(a, b))
        bench.time(5, "exp tanh chain, 2^24", lambda: np.tanh(np.exp(a * np.float32(0.1)) * b) + a)
    if bench.wants(6):
        for rows, n in SIZES:
            x = f32(rows, n)
            bench.time(6, f"column sum {rows}x{n}", lambda: x.sum(0))
            bench.time(6, f"transpose {rows}x{n}", lambda: np.ascontiguousarray(x.T))
    if bench.wants(7):
        for n in PRODUCTS:
            x = f32(n, n)
            bench.time(7, f"matmul f32 {n}", lambda: x @ x)
        d = f32(1000, 1000).astype(np.float64)
        bench.time(7, "matmul f64 1000", lambda: d @ d)


def run_torch(bench):
    import torch
    from torch.nn import functional as F

    class Module:
        softmax = staticmethod(lambda a: torch.softmax(a, -1))
        transpose = staticmethod(lambda a: a.t())
        row_mean = staticmethod(lambda a: a.mean(1, keepdim=True))
        least = staticmethod(lambda a, v: torch.clamp(a, max=v))
        tanh, sqrt, abs, exp, maximum, where = (torch.tanh, torch.sqrt, torch.abs, torch.exp, torch.maximum,
                                                torch.where)

    def products():
        for x in [torch.randn(1000, 1000) for _ in range(10)]:
            torch.mm(x, x)

    with torch.inference_mode():
        if bench.wants(2):
            x = torch.ones(1)
            bench.time(2, "(x + 1).item()", lambda: (x + 1).item())
        if bench.wants(3):
            xs = [torch.full((1,), float(i)) for i in range(10000)]
            bench.time(3, "issuing 10,000 x + 1, a node", lambda: [x + 1 for x in xs], per=10000)
        if bench.wants(4):
            bench.time(4, "10 x (normal, matmul) 1000^2", products)
        if bench.wants(5):
            a, b = torch.randn(EXTENT), torch.randn(EXTENT)
            bench.time(5, "chain of 8, 2^24", lambda: chain_of_8(a, b))
            bench.time(5, "exp tanh chain, 2^24", lambda: torch.tanh(torch.exp(a * 0.1) * b) + a)
        if bench.wants(6):
            for rows, n in SIZES:
                x, g = torch.randn(rows, n), torch.randn(n)
                bench.time(6, f"softmax {rows}x{n}", lambda: torch.softmax(x, -1))
                bench.time(6, f"layer_norm {rows}x{n}", lambda: F.layer_norm(x, (n,), g, g))
                bench.time(6, f"column sum {rows}x{n}", lambda: x.sum(0))
                bench.time(6, f"transpose {rows}x{n}", lambda: x.t().contiguous())
        if bench.wants(7):
            for n in PRODUCTS:
                x, b = torch.randn(n, n), torch.randn(n)
                bench.time(7, f"matmul f32 {n}", lambda: x @ x)
                bench.time(7, f"matmul f32 {n} + bias, gelu", lambda: F.gelu(torch.addmm(b, x, x)))
            d = torch.randn(1000, 1000, dtype=torch.float64)
            bench.time(7, "matmul f64 1000", lambda: d @ d)
            for channels, extent in CONVOLUTIONS:
                x = torch.randn(1, channels, extent, extent)
                w = torch.randn(channels, channels, 3, 3)
                bench.time(7, f"conv 3x3 {channels}, {extent}^2", lambda: F.conv2d(x, w, padding=1))
            for batch in (1, 8):
                for channels, extent in BLOCKS:
                    for name, shapes in (("basic block", [(channels, channels, 3)] * 2),
                                         ("bottleneck", [(4 * channels, channels, 1), (channels, channels, 3),
                                                         (channels, 4 * channels, 1)])):
                        x = torch.randn(batch, shapes[0][0], extent, extent)
                        layers = [(torch.randn(out, into, k, k) / (into * k * k) ** 0.5, torch.randn(out), k // 2)
                                  for into, out, k in shapes]

                        def block():
                            y = x
                            for w, b, pad in layers[:-1]:
                                y = F.relu(F.conv2d(y, w, b, padding=pad))
                            w, b, pad = layers[-1]
                            return F.relu(F.conv2d(y, w, b, padding=pad) + x)

                        bench.time(7, f"{name} {shapes[0][0]}, {extent}^2, batch {batch}", block)
        if bench.wants(9):
            for extent, label in [(32, "1k"), (1024, "1M")]:
                samples = []
                x, y = torch.randn(extent, extent), torch.randn(extent, extent)
                random_ops(1)(x, y, Module)
                for seed in range(bench.rounds):
                    begin = time.perf_counter()
                    random_ops(1000 + seed)(x, y, Module)
                    samples.append((time.perf_counter() - begin) * 1e6)
                bench.report(9, f"new graph of 100 ops, {label}", samples)


def run_jax(bench):
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    key = jax.random.PRNGKey(1)
    normal = lambda *shape: jax.random.normal(key, shape, jnp.float32).block_until_ready()

    class Module:
        softmax = staticmethod(lambda a: jax.nn.softmax(a, -1))
        transpose = staticmethod(jnp.transpose)
        row_mean = staticmethod(lambda a: a.mean(1, keepdims=True))
        least = staticmethod(jnp.minimum)
        tanh, sqrt, abs, exp, maximum, where = (jnp.tanh, jnp.sqrt, jnp.abs, jnp.exp, jnp.maximum, jnp.where)

    @jax.jit
    def product(key):
        x = jax.random.normal(key, (1000, 1000), jnp.float32)
        return x @ x

    queued = []

    def products():
        begin = time.perf_counter()
        out = [product(k) for k in keys]
        queued.append((time.perf_counter() - begin) * 1e6)
        for y in out:
            y.block_until_ready()

    def jitted(row, work, f, *arguments):
        compiled = jax.jit(f)
        bench.time(row, work, lambda: compiled(*arguments).block_until_ready())

    def layer_norm(x, g):
        mean = x.mean(-1, keepdims=True)
        d = x - mean
        return d * jax.lax.rsqrt((d * d).mean(-1, keepdims=True) + 1e-5) * g + g

    if bench.wants(2):
        x = normal(1)
        plus_one = jax.jit(lambda v: v + 1)
        bench.time(2, "(x + 1).item()", lambda: plus_one(x).item())
    if bench.wants(3):
        xs = [jnp.full((1,), float(i), jnp.float32) for i in range(10000)]
        plus_one = jax.jit(lambda v: v + 1)
        samples = []
        for _ in range(bench.rounds):
            begin = time.perf_counter()
            ys = [plus_one(x) for x in xs]
            samples.append((time.perf_counter() - begin) * 100)
            jax.block_until_ready(ys)
        bench.report(3, "issuing 10,000 x + 1, a node", samples)
    if bench.wants(4):
        keys = list(jax.random.split(key, 10))
        bench.time(4, "10 x (normal, matmul) 1000^2", products)
        bench.report(4, "10 x (normal, matmul) 1000^2", queued, who=", queued")
    if bench.wants(5):
        a, b = normal(EXTENT), normal(EXTENT)
        f = jnp.float32
        chain = lambda a, b: ((((a + b) * a - b) * f(0.5) + a) * b - f(1.5)) * a
        jitted(5, "chain of 8, 2^24", chain, a, b)
        jitted(5, "exp tanh chain, 2^24", lambda a, b: jnp.tanh(jnp.exp(a * f(0.1)) * b) + a, a, b)
    if bench.wants(6):
        for rows, n in SIZES:
            x, g = normal(rows, n), normal(n)
            jitted(6, f"softmax {rows}x{n}", lambda x: jax.nn.softmax(x, -1), x)
            jitted(6, f"layer_norm {rows}x{n}", layer_norm, x, g)
            jitted(6, f"column sum {rows}x{n}", lambda x: x.sum(0), x)
            jitted(6, f"transpose {rows}x{n}", lambda x: x.T, x)
    if bench.wants(7):
        for n in PRODUCTS:
            x, b = normal(n, n), normal(n)
            jitted(7, f"matmul f32 {n}", lambda x: x @ x, x)
            jitted(7, f"matmul f32 {n} + bias, gelu", lambda x, b: jax.nn.gelu(x @ x + b, approximate=False), x, b)
        jitted(7, "matmul f64 1000", lambda x: x @ x, normal(1000, 1000).astype(jnp.float64))
        for channels, extent in CONVOLUTIONS:
            x, w = normal(1, channels, extent, extent), normal(channels, channels, 3, 3)
            jitted(7, f"conv 3x3 {channels}, {extent}^2",
                   lambda x, w: jax.lax.conv(x, w, (1, 1), "SAME"), x, w)
    if bench.wants(9):
        for extent, label in [(32, "1k"), (1024, "1M")]:
            samples = []
            x, y = normal(extent, extent), normal(extent, extent)
            for seed in range(min(3, bench.rounds)):
                begin = time.perf_counter()
                jax.jit(lambda x, y: random_ops(1000 + seed)(x, y, Module))(x, y).block_until_ready()
                samples.append((time.perf_counter() - begin) * 1e6)
            bench.report(9, f"new graph of 100 ops, {label}", samples)


def run_mxnet(bench):
    import mxnet as mx

    nd = mx.nd
    queued = []

    def products():
        begin = time.perf_counter()
        out = [nd.dot(x, x) for x in (nd.random.normal(shape=(1000, 1000)) for _ in range(10))]
        queued.append((time.perf_counter() - begin) * 1e6)
        nd.waitall()
        return out

    def waited(row, work, f):
        bench.time(row, work, lambda: f().wait_to_read())

    if bench.wants(2):
        x = nd.ones((1,))
        bench.time(2, "(x + 1).item()", lambda: (x + 1).asscalar())
    if bench.wants(3):
        xs = [nd.full((1,), i) for i in range(10000)]
        nd.waitall()
        samples = []
        for _ in range(bench.rounds):
            begin = time.perf_counter()
            ys = [x + 1 for x in xs]
            samples.append((time.perf_counter() - begin) * 100)
            nd.waitall()
            del ys
        bench.report(3, "issuing 10,000 x + 1, a node", samples)
    if bench.wants(4):
        bench.time(4, "10 x (normal, matmul) 1000^2", products)
        bench.report(4, "10 x (normal, matmul) 1000^2", queued, who=", queued")
    if bench.wants(5):
        a, b = nd.random.normal(shape=(EXTENT,)), nd.random.normal(shape=(EXTENT,))
        waited(5, "chain of 8, 2^24", lambda: chain_of_8(a, b))
        waited(5, "exp tanh chain, 2^24", lambda: nd.tanh(nd.exp(a * 0.1) * b) + a)
    if bench.wants(6):
        for rows, n in SIZES:
            x, g = nd.random.normal(shape=(rows, n)), nd.random.normal(shape=(n,))
            waited(6, f"softmax {rows}x{n}", lambda: nd.softmax(x))
            waited(6, f"layer_norm {rows}x{n}", lambda: nd.LayerNorm(x, g, g))
            waited(6, f"column sum {rows}x{n}", lambda: nd.sum(x, axis=0))
            waited(6, f"transpose {rows}x{n}", lambda: nd.transpose(x))
    if bench.wants(7):
        for n in PRODUCTS:
            x = nd.random.normal(shape=(n, n))
            waited(7, f"matmul f32 {n}", lambda: nd.dot(x, x))
        for channels, extent in CONVOLUTIONS:
            x = nd.random.normal(shape=(1, channels, extent, extent))
            w = nd.random.normal(shape=(channels, channels, 3, 3))
            waited(7, f"conv 3x3 {channels}, {extent}^2",
                   lambda: nd.Convolution(x, w, no_bias=True, kernel=(3, 3), pad=(1, 1), num_filter=channels))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=["numpy", "torch", "jax", "mxnet"])
    parser.add_argument("--rows", default="")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    rows = [int(r) for r in arguments.rows.split(",") if r]
    bench = Bench(arguments.peer, rows, arguments.rounds)
    {"numpy": run_numpy, "torch": run_torch, "jax": run_jax, "mxnet": run_mxnet}[arguments.peer](bench)
    return 0


if __name__ == "__main__":
    sys.exit(main())
