#!/usr/bin/env python3
"""One peer's side of the GPU table (tools/gpu bench): torch (eager, torch.compile and CUDA-graph replay) or jax.

  tools/bench/gpu_peers.py torch|jax [--rows=1,2] [--rounds=15]

Prints one JSON object a line, as gpu_bench does, and for the same works. Times are wall time of many calls queued one
behind the other, over their number. A peer that is missing or sees no GPU is skipped; the reason goes to stderr.
"""

import argparse
import json
import sys
import time


class Bench:
    def __init__(self, rows, rounds, sync):
        self.rows, self.rounds, self.sync = rows, rounds, sync

    def wants(self, row):
        return not self.rows or row in self.rows

    def report(self, row, work, who, samples, unit="us"):
        samples = sorted(samples)
        n = len(samples)
        print(json.dumps({"row": row, "work": work, "who": who, "unit": unit, "median": samples[n // 2],
                          "low": samples[n // 4], "high": samples[n - 1 - n // 4]}), flush=True)

    def several(self, run, count):
        begin = time.perf_counter()
        results = [run() for _ in range(count)]
        self.sync(results)
        return (time.perf_counter() - begin) / count * 1e6

    def time(self, row, work, who, run):
        self.several(run, 3)
        count = int(min(200, max(2, 50_000 / max(self.several(run, 3), 1))))
        self.report(row, work, who, [self.several(run, count) for _ in range(self.rounds)])

    def queued_and_done(self, row, work, who, run, rounds):
        queued, done = [], []
        for k in range(-2, rounds):
            begin = time.perf_counter()
            results = run()
            back = time.perf_counter()
            self.sync(results)
            if k >= 0:
                queued.append((back - begin) * 1e6)
                done.append((time.perf_counter() - begin) * 1e6)
        self.report(row, work + ": queued", who, queued)
        self.report(row, work + ": done", who, done)


def run_torch(bench):
    import torch
    from torch.nn import functional as F
    if not torch.cuda.is_available():
        raise RuntimeError("torch sees no GPU")
    gpu = torch.device("cuda")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.manual_seed(1)

    def race(row, work, function, *inputs, graph=False):
        bench.time(row, work, "torch", lambda: function(*inputs))
        compiled = torch.compile(function, mode="max-autotune-no-cudagraphs")
        bench.time(row, work, "torch.compile", lambda: compiled(*inputs))
        if graph:
            captured = torch.cuda.CUDAGraph()
            with torch.cuda.graph(captured):
                function(*inputs)
            bench.time(row, work, "torch, CUDA graph", captured.replay)

    if bench.wants(1):
        x = torch.randn(1 << 28, device=gpu)
        race(1, "elementwise chain, 2^28 f32", lambda x: torch.tanh(x * 2 + 1) * 0.5 - x, x)
        race(1, "copy, 2^28 f32", lambda x: x.clone(), x)
        del x
    if bench.wants(2):
        for dtype, name in ((torch.float32, "f32"), (torch.bfloat16, "bf16")):
            x = torch.randn(8192, 4096, device=gpu).to(dtype)
            scale, shift = torch.ones(4096, device=gpu, dtype=dtype), torch.zeros(4096, device=gpu, dtype=dtype)
            suffix = ", 8192x4096 " + name
            race(2, "softmax" + suffix, lambda x: torch.softmax(x, -1), x)
            race(2, "layer_norm" + suffix, lambda x, a, b: F.layer_norm(x, (4096,), a, b), x, scale, shift)
            race(2, "transpose" + suffix, lambda x: x.t().contiguous(), x)
            race(2, "sum" + suffix, lambda x: x.sum(), x)
            race(2, "column sums" + suffix, lambda x: x.sum(0), x)
    if bench.wants(3):
        for m, n, k, size in ((8192, 8192, 8192, "8192^3"), (4096, 4096, 1024, "4096x4096x1024")):
            for dtype, name in ((torch.bfloat16, "bf16"), (torch.float32, "f32")):
                x, w = torch.randn(m, k, device=gpu).to(dtype), torch.randn(k, n, device=gpu).to(dtype)
                b = torch.randn(n, device=gpu).to(dtype)
                suffix = f", {size} {name}"
                race(3, "matmul" + suffix, torch.matmul, x, w)
                race(3, "matmul + bias + gelu" + suffix,
                     lambda x, w, b: F.gelu(torch.matmul(x, w) + b, approximate="tanh"), x, w, b)
    if bench.wants(4):
        def chain(y):
            for k in range(50):
                y = y - y.amax(k % 2, keepdim=True)
            return y
        x = torch.randn(1024, 1024, device=gpu)
        chain(x)
        captured = torch.cuda.CUDAGraph()
        with torch.cuda.graph(captured):
            chain(x)
        bench.queued_and_done(4, "100 kernels again", "torch", lambda: chain(x), 20 * bench.rounds)
        bench.queued_and_done(4, "100 kernels again", "torch, CUDA graph", captured.replay, 20 * bench.rounds)
    if bench.wants(5):
        def products():
            made = []
            for _ in range(10):
                a = torch.randn(1000, 1000, device=gpu)
                made.append(a @ a)
            return made
        bench.queued_and_done(5, "10 x (normal, matmul) 1000", "torch", products, 3 * bench.rounds)
    if bench.wants(6):
        def weight(*shape):
            return (torch.randn(*shape, device=gpu) * 0.02).to(torch.bfloat16)
        ones, zeros = (torch.ones(768, device=gpu, dtype=torch.bfloat16),
                       torch.zeros(768, device=gpu, dtype=torch.bfloat16))
        layers = [(weight(768, 2304), weight(2304), weight(768, 768), weight(768), weight(768, 3072), weight(3072),
                   weight(3072, 768), weight(768)) for _ in range(12)]

        def forward(x):
            batch, length, width = x.shape
            for qkv, qkv_bias, out, out_bias, up, up_bias, down, down_bias in layers:
                parts = (x @ qkv + qkv_bias).view(batch, length, 3, 12, 64).permute(2, 0, 3, 1, 4)
                mixed = F.scaled_dot_product_attention(parts[0], parts[1], parts[2])
                mixed = mixed.transpose(1, 2).reshape(batch, length, width)
                x = F.layer_norm(x + (mixed @ out + out_bias), (width,), ones, zeros)
                hidden = F.gelu(x @ up + up_bias, approximate="tanh")
                x = F.layer_norm(x + (hidden @ down + down_bias), (width,), ones, zeros)
            return x
        for batch in (1, 32):
            x = torch.randn(batch, 128, 768, device=gpu).to(torch.bfloat16)
            with torch.no_grad():
                race(6, f"encoder, 12 layers, bf16, batch {batch}", forward, x, graph=True)


def run_jax(bench):
    import jax
    from jax import numpy as jnp
    if jax.default_backend() != "gpu":
        raise RuntimeError(f"jax runs on {jax.default_backend()}")
    keys = iter(jax.random.split(jax.random.PRNGKey(1), 1000))

    def normal(*shape, dtype=jnp.float32):
        return jax.random.normal(next(keys), shape).astype(dtype)

    def race(row, work, function, *inputs):
        compiled = jax.jit(function)
        bench.time(row, work, "jax", lambda: compiled(*inputs))

    if bench.wants(1):
        x = normal(1 << 28)
        race(1, "elementwise chain, 2^28 f32", lambda x: jnp.tanh(x * 2 + 1) * 0.5 - x, x)
        race(1, "copy, 2^28 f32", lambda x: -x, x)
        del x
    if bench.wants(2):
        def layer_norm(x):
            y = x.astype(jnp.float32)
            y = (y - y.mean(-1, keepdims=True)) * jax.lax.rsqrt(y.var(-1, keepdims=True) + 1e-5)
            return y.astype(x.dtype)
        for dtype, name in ((jnp.float32, "f32"), (jnp.bfloat16, "bf16")):
            x, suffix = normal(8192, 4096, dtype=dtype), ", 8192x4096 " + name
            race(2, "softmax" + suffix, lambda x: jax.nn.softmax(x, -1), x)
            race(2, "layer_norm" + suffix, layer_norm, x)
            race(2, "transpose" + suffix, lambda x: x.T + 0, x)
            race(2, "sum" + suffix, jnp.sum, x)
            race(2, "column sums" + suffix, lambda x: x.sum(0), x)
    if bench.wants(3):
        for m, n, k, size in ((8192, 8192, 8192, "8192^3"), (4096, 4096, 1024, "4096x4096x1024")):
            for dtype, name in ((jnp.bfloat16, "bf16"), (jnp.float32, "f32")):
                x, w, b = normal(m, k, dtype=dtype), normal(k, n, dtype=dtype), normal(n, dtype=dtype)
                product = lambda x, w: jnp.matmul(x, w, precision="highest")
                race(3, f"matmul, {size} {name}", product, x, w)
                race(3, f"matmul + bias + gelu, {size} {name}",
                     lambda x, w, b: jax.nn.gelu(product(x, w) + b, approximate=True), x, w, b)
    if bench.wants(5):
        @jax.jit
        def one(key):
            a = jax.random.normal(key, (1000, 1000))
            return jnp.matmul(a, a, precision="highest")
        ten = [next(keys) for _ in range(10)]
        bench.queued_and_done(5, "10 x (normal, matmul) 1000", "jax", lambda: [one(k) for k in ten],
                              3 * bench.rounds)
    if bench.wants(6):
        def weight(*shape):
            return (normal(*shape) * 0.02).astype(jnp.bfloat16)
        layers = [(weight(768, 2304), weight(2304), weight(768, 768), weight(768), weight(768, 3072), weight(3072),
                   weight(3072, 768), weight(768)) for _ in range(12)]

        def norm(x):
            y = x.astype(jnp.float32)
            return ((y - y.mean(-1, keepdims=True)) * jax.lax.rsqrt(y.var(-1, keepdims=True) + 1e-5)).astype(x.dtype)

        def forward(x, layers):
            batch, length, width = x.shape
            for qkv, qkv_bias, out, out_bias, up, up_bias, down, down_bias in layers:
                q, k, v = jnp.moveaxis((x @ qkv + qkv_bias).reshape(batch, length, 3, 12, 64), 2, 0)
                mixed = jax.nn.dot_product_attention(q, k, v).reshape(batch, length, width)
                x = norm(x + (mixed @ out + out_bias))
                x = norm(x + (jax.nn.gelu(x @ up + up_bias, approximate=True) @ down + down_bias))
            return x
        for batch in (1, 32):
            race(6, f"encoder, 12 layers, bf16, batch {batch}", forward, normal(batch, 128, 768, dtype=jnp.bfloat16),
                 layers)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=("torch", "jax"))
    parser.add_argument("--rows", default="")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    rows = [int(r) for r in arguments.rows.split(",") if r]
    try:
        if arguments.peer == "torch":
            import torch
            run_torch(Bench(rows, arguments.rounds, lambda _: torch.cuda.synchronize()))
        else:
            import jax
            run_jax(Bench(rows, arguments.rounds, jax.block_until_ready))
    except Exception as error:  # a peer that does not work is no failure of Leat's
        print(f"gpu_peers: {arguments.peer} skipped: {type(error).__name__}: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
