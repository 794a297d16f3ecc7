#!/usr/bin/env python3
"""Trains the network of 13_digits_onnx.cpp in PyTorch and exports it to ONNX beside this file.

    python3 examples/digits/train_convolutional.py    # needs torch, onnx and scikit-learn; the model is checked in

The images are those that train.py splits: 1397 to train, 400 (test_images.npy) to test. The model takes the pixels as
they are, 0 to 16, one image per row.
"""
import pathlib

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

here = pathlib.Path(__file__).parent
torch.manual_seed(1)
rng = np.random.default_rng(1)
digits = load_digits()
order = rng.permutation(len(digits.target))
train, test = order[:-400], order[-400:]
assert np.array_equal(digits.data[test].astype(np.uint8), np.load(here / "test_images.npy"))


class Digits(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2))
        self.classes = nn.Linear(32 * 2 * 2, 10)

    def forward(self, pixels):
        x = pixels.reshape(-1, 1, 8, 8) / 16
        return self.classes(self.features(x).flatten(1)).softmax(1)


model = Digits()
x = torch.tensor(digits.data[train], dtype=torch.float32)
labels = torch.tensor(digits.target[train])
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-4)
for epoch in range(40):
    model.train()
    for batch in torch.randperm(len(x)).split(50):
        images = x[batch].reshape(-1, 8, 8)
        shift = torch.randint(-1, 2, (2,))  # by a pixel at most
        images = torch.roll(images, tuple(shift.tolist()), (1, 2)).reshape(-1, 64)
        loss = -torch.log(model(images)[torch.arange(len(batch)), labels[batch]] + 1e-9).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    guess = model(torch.tensor(digits.data[test], dtype=torch.float32)).argmax(1).numpy()
print(f"accuracy on the test images: {np.mean(guess == digits.target[test]):.4f}")
torch.onnx.export(model, torch.zeros(2, 64), here / "convolutional.onnx", input_names=["pixels"],
                  output_names=["probabilities"], dynamic_axes={"pixels": {0: "images"}, "probabilities": {0: "images"}},
                  opset_version=17, dynamo=False)
