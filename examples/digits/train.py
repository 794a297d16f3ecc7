#!/usr/bin/env python3
"""Trains the network of 11_digits_mlp.cpp in plain NumPy and writes it beside this file, with test images.

    python3 examples/digits/train.py       # needs NumPy and scikit-learn; the .npy files are checked in

Network: p = softmax(relu(x w1 + b1) w2 + b2), x the 64 pixels / 16. Adam on the mean cross-entropy.
"""
import pathlib

import numpy as np
from sklearn.datasets import load_digits

here = pathlib.Path(__file__).parent
rng = np.random.default_rng(1)
digits = load_digits()
order = rng.permutation(len(digits.target))
train, test = order[:-400], order[-400:]
x, labels = digits.data[train] / 16, digits.target[train]

hidden = 64
params = {
    "w1": rng.standard_normal((64, hidden)) * np.sqrt(2 / 64),
    "b1": np.zeros(hidden),
    "w2": rng.standard_normal((hidden, 10)) * np.sqrt(2 / hidden),
    "b2": np.zeros(10),
}
first = {k: np.zeros_like(v) for k, v in params.items()}
second = {k: np.zeros_like(v) for k, v in params.items()}
step = 0
for epoch in range(60):
    for batch in np.array_split(rng.permutation(len(x)), len(x) // 50):
        xb, yb = x[batch], labels[batch]
        h = np.maximum(xb @ params["w1"] + params["b1"], 0)
        z = h @ params["w2"] + params["b2"]
        p = np.exp(z - z.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        p[np.arange(len(yb)), yb] -= 1
        p /= len(yb)
        dh = (p @ params["w2"].T) * (h > 0)
        gradients = {"w2": h.T @ p, "b2": p.sum(0), "w1": xb.T @ dh, "b1": dh.sum(0)}
        step += 1
        for k, g in gradients.items():
            g = g + 1e-3 * params[k]
            first[k] = 0.9 * first[k] + 0.1 * g
            second[k] = 0.999 * second[k] + 0.001 * g * g
            params[k] -= 0.003 * (first[k] / (1 - 0.9**step)) / (np.sqrt(second[k] / (1 - 0.999**step)) + 1e-8)

for name, value in params.items():
    np.save(here / f"{name}.npy", value.astype(np.float32))
np.save(here / "test_images.npy", digits.data[test].astype(np.uint8))
np.save(here / "test_labels.npy", digits.target[test].astype(np.uint8))
z = np.maximum(digits.data[test] / 16 @ params["w1"] + params["b1"], 0) @ params["w2"] + params["b2"]
print("accuracy on the test images:", np.mean(z.argmax(1) == digits.target[test]))
