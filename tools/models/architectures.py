"""The architectures, each as published. `small` keeps the structure and shrinks widths, depths and vocabularies.

Each function returns (model, [inputs of a data set, ...]); the inputs are name -> array, seeded.
"""
import numpy as np

from builder import Builder


def images(batch, channels, size, seed):
    return {"image": np.random.default_rng(seed).standard_normal((batch, channels, size, size), np.float32)}


def tokens(shape, vocabulary, seed):
    return np.random.default_rng(seed).integers(0, vocabulary, shape, np.int64)


def classifier(b, x, width, classes):
    x = b.op("Flatten", b.op("GlobalAveragePool", x), axis=1)
    w = b.weight(classes, width, scale=width**-0.5)
    y = b.op("Gemm", x, w, b.weight(classes, scale=0.02, what="bias"), alpha=1.0, beta=1.0, transB=1)
    b.output("logits", y, "f32", ["batch", classes])


def resnet50(small, batches):
    """He et al. 2015, bottleneck blocks, stride in the 3x3; batch normalisations folded into the convolutions, as
    PyTorch's exporter does."""
    width, blocks, classes, size = (4, (1, 2, 1), 10, 32) if small else (64, (3, 4, 6, 3), 1000, 224)
    b = Builder("resnet50", seed=50)
    x = b.input("image", "f32", ["batch", 3, size, size])
    with b.scope("stem"):
        x = b.relu(b.conv(x, 3, width, kernel=7, stride=2))
        x = b.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    channels = width
    for stage, count in enumerate(blocks):
        inner = width << stage
        for block in range(count):
            stride = 2 if stage > 0 and block == 0 else 1
            with b.scope(f"layer{stage + 1}.{block}"):
                y = b.relu(b.conv(x, channels, inner, kernel=1))
                y = b.relu(b.conv(y, inner, inner, kernel=3, stride=stride))
                y = b.conv(y, inner, 4 * inner, kernel=1, gain=0.3)
                if block == 0:
                    x = b.conv(x, channels, 4 * inner, kernel=1, stride=stride)
                x = b.relu(b.op("Add", y, x))
            channels = 4 * inner
    classifier(b, x, channels, classes)
    return b.model(), [images(n, 3, size, 1) for n in batches]


def mobilenet_v2(small, batches):
    """Sandler et al. 2018: inverted residuals with depthwise convolutions and ReLU6; folded batch normalisations."""
    #        expansion, channels, blocks, stride
    table = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    first, last, classes, size = 32, 1280, 1000, 224
    if small:
        table = [(1, 4, 1, 1), (3, 6, 2, 2), (3, 8, 2, 1)]
        first, last, classes, size = 8, 32, 10, 32
    b = Builder("mobilenet_v2", seed=2)
    x = b.input("image", "f32", ["batch", 3, size, size])
    with b.scope("features.0"):
        x = b.relu6(b.conv(x, 3, first, stride=2))
    channels, index = first, 1
    for expansion, out, count, first_stride in table:
        for block in range(count):
            stride = first_stride if block == 0 else 1
            with b.scope(f"features.{index}"):
                y, inner = x, channels * expansion
                if expansion != 1:
                    y = b.relu6(b.conv(y, channels, inner, kernel=1))
                y = b.relu6(b.conv(y, inner, inner, stride=stride, groups=inner))
                y = b.conv(y, inner, out, kernel=1)
                x = b.op("Add", x, y) if stride == 1 and channels == out else y
            channels, index = out, index + 1
    with b.scope(f"features.{index}"):
        x = b.relu6(b.conv(x, channels, last, kernel=1))
    classifier(b, x, last, classes)
    return b.model(), [images(n, 3, size, 2) for n in batches]


def heads_of(b, x, heads, size):
    """[batch, sequence, heads * size] -> [batch, heads, sequence, size]."""
    return b.op("Transpose", b.op("Reshape", x, b.ints(0, 0, heads, size)), perm=[0, 2, 1, 3])


def merged(b, x, width):
    return b.op("Reshape", b.op("Transpose", x, perm=[0, 2, 1, 3]), b.ints(0, 0, width))


def bert_base(small, batches):
    """Devlin et al. 2018: the encoder, 12 layers of width 768, post-normalised; last hidden state and pooled output."""
    layers, width, heads, vocabulary, positions, sequence = (
        (2, 16, 2, 50, 32, 12) if small else (12, 768, 12, 30522, 512, 128))
    size = width // heads
    b = Builder("bert_base", seed=12)
    ids = b.input("input_ids", "i64", ["batch", "sequence"])
    mask = b.input("attention_mask", "i64", ["batch", "sequence"])
    kinds = b.input("token_type_ids", "i64", ["batch", "sequence"])
    with b.scope("embeddings"):
        end = b.op("Unsqueeze", b.extent(ids, 1), b.ints(0))
        row = b.op("Slice", b.weight(positions, width, scale=0.02, what="position"), b.ints(0), end, b.ints(0))
        x = b.op("Gather", b.weight(vocabulary, width, scale=0.02, what="word"), ids)
        x = b.op("Add", x, b.op("Gather", b.weight(2, width, scale=0.02, what="type"), kinds))
        x = b.layer_norm(b.op("Add", x, row), width, 1e-12)
        bias = b.op("Cast", b.op("Unsqueeze", mask, b.ints(1, 2)), to=1)
        bias = b.op("Mul", b.op("Sub", b.scalar(1), bias), b.scalar(-10000.0))
    for layer in range(layers):
        with b.scope(f"layer.{layer}"):
            with b.scope("attention"):
                q, k, v = (heads_of(b, b.linear(x, width, width), heads, size) for _ in range(3))
                scores = b.op("MatMul", q, b.op("Transpose", k, perm=[0, 1, 3, 2]))
                scores = b.op("Add", b.op("Div", scores, b.scalar(size**0.5)), bias)
                y = merged(b, b.op("MatMul", b.op("Softmax", scores, axis=-1), v), width)
                x = b.layer_norm(b.op("Add", b.linear(y, width, width), x), width, 1e-12)
            with b.scope("feed_forward"):
                y = b.linear(b.gelu_erf(b.linear(x, width, 4 * width)), 4 * width, width)
                x = b.layer_norm(b.op("Add", y, x), width, 1e-12)
    with b.scope("pooler"):
        pooled = b.op("Tanh", b.linear(b.op("Gather", x, b.array(np.int64(0), "first"), axis=1), width, width))
    b.output("last_hidden_state", x, "f32", ["batch", "sequence", width])
    b.output("pooler_output", pooled, "f32", ["batch", width])
    sets = []
    for n in batches:
        attended = np.ones((n, sequence), np.int64)
        attended[-1, sequence * 3 // 4:] = 0  # the last text is shorter
        sets.append({"input_ids": tokens((n, sequence), vocabulary, 3), "attention_mask": attended,
                     "token_type_ids": tokens((n, sequence), 2, 4)})
    return b.model(), sets


def gpt2_with(cached, small, batches):
    """Radford et al. 2019, small: 12 layers of width 768, pre-normalised; the output layer is the transposed
    embedding. With a cache the step takes the keys and values of the past and gives those of the present."""
    layers, width, heads, vocabulary, positions, sequence = (
        (2, 16, 2, 60, 32, 10) if small else (12, 768, 12, 50257, 1024, 128))
    size = width // heads
    b = Builder("gpt2_step" if cached else "gpt2", seed=124)
    length = "step" if cached else "sequence"
    ids = b.input("input_ids", "i64", ["batch", length])
    past = [[b.input(f"past.{i}.{kind}", "f32", ["batch", heads, "past", size]) for kind in ("key", "value")]
            for i in range(layers)] if cached else None
    with b.scope("embeddings"):
        new = b.extent(ids, 1)
        old = b.extent(past[0][0], 2) if cached else b.array(np.int64(0), "zero")
        total = b.op("Add", old, new)
        where = b.op("Range", old, total, b.array(np.int64(1), "one"))
        word = b.weight(vocabulary, width, scale=0.02, what="word")
        place = b.op("Gather", b.weight(positions, width, scale=0.02, what="position"), where)
        x = b.op("Add", b.op("Gather", word, ids), place)
        # Row i may look at columns up to old + i.
        columns = b.op("Range", b.array(np.int64(0), "from"), total, b.array(np.int64(1), "one"))
        hidden = b.op("Less", b.op("Unsqueeze", where, b.ints(1)), b.op("Unsqueeze", columns, b.ints(0)))
    present = []
    for layer in range(layers):
        with b.scope(f"h.{layer}"):
            with b.scope("attn"):
                qkv = b.linear(b.layer_norm(x, width, 1e-5), width, 3 * width)
                q, k, v = (heads_of(b, part, heads, size)
                           for part in b.op("Split", qkv, b.ints(width, width, width), outputs=3, axis=2))
                if cached:
                    k = b.op("Concat", past[layer][0], k, axis=2)
                    v = b.op("Concat", past[layer][1], v, axis=2)
                    present.append((k, v))
                scores = b.op("MatMul", q, b.op("Transpose", k, perm=[0, 1, 3, 2]))
                scores = b.op("Div", scores, b.scalar(size**0.5))
                scores = b.op("Where", hidden, b.scalar(np.finfo(np.float32).min), scores)
                y = merged(b, b.op("MatMul", b.op("Softmax", scores, axis=-1), v), width)
                x = b.op("Add", x, b.linear(y, width, width, scale=0.02))
            with b.scope("mlp"):
                y = b.gelu_tanh(b.linear(b.layer_norm(x, width, 1e-5), width, 4 * width))
                x = b.op("Add", x, b.linear(y, 4 * width, width, scale=0.02))
    x = b.layer_norm(x, width, 1e-5)
    b.output("logits", b.op("MatMul", x, b.op("Transpose", word, perm=[1, 0])), "f32", ["batch", length, vocabulary])
    for i, pair in enumerate(present):
        for kind, value in zip(("key", "value"), pair):
            b.output(f"present.{i}.{kind}", value, "f32", ["batch", heads, "total", size])
    sets = []
    for n in batches:
        random = np.random.default_rng(7)
        inputs = {"input_ids": tokens((n, 1 if cached else sequence), vocabulary, 6)}
        for pair in past or []:
            for name in pair:
                inputs[name] = random.standard_normal((n, heads, sequence, size), np.float32)
        sets.append(inputs)
    return b.model(), sets


def gpt2(small, batches):
    return gpt2_with(False, small, batches)


def gpt2_step(small, batches):
    return gpt2_with(True, small, batches)


def unet(small, batches):
    """Ronneberger et al. 2015, with padded convolutions and batch normalisations left as nodes of their own."""
    width, levels, size = (4, 2, 16) if small else (32, 4, 128)
    b = Builder("unet", seed=4)
    x = b.input("image", "f32", ["batch", 3, size, size])

    def twice(x, channels, out):
        for width_in in (channels, out):
            x = b.relu(b.batch_norm(b.conv(x, width_in, out, bias=False), out))
        return x

    skips, channels = [], 3
    for level in range(levels):
        with b.scope(f"down.{level}"):
            x = twice(x, channels, width << level)
            channels = width << level
            skips.append((x, channels))
            x = b.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    with b.scope("bottom"):
        x = twice(x, channels, 2 * channels)
    for level, (skip, channels) in reversed(list(enumerate(skips))):
        with b.scope(f"up.{level}"):
            kernel = b.weight(2 * channels, channels, 2, 2, scale=(2 * channels) ** -0.5)
            x = b.op("ConvTranspose", x, kernel, b.weight(channels, scale=0.02, what="bias"), kernel_shape=[2, 2],
                     strides=[2, 2])
            x = twice(b.op("Concat", skip, x, axis=1), 2 * channels, channels)
    b.output("mask", b.op("Sigmoid", b.conv(x, width, 2, kernel=1)), "f32", ["batch", 2, size, size])
    return b.model(), [images(n, 3, size, 8) for n in batches]


def lstm_tagger(small, batches):
    """Two bidirectional LSTM layers over word embeddings, a tag per word (Huang et al. 2015, without the CRF)."""
    vocabulary, embedding, hidden, tags, sequence = (40, 8, 6, 5, 9) if small else (10000, 128, 256, 17, 64)
    b = Builder("lstm_tagger", seed=9)
    ids = b.input("input_ids", "i64", ["batch", "sequence"])
    x = b.op("Gather", b.weight(vocabulary, embedding, scale=0.5, what="word"), ids)
    x = b.op("Transpose", x, perm=[1, 0, 2])
    width = embedding
    for layer in range(2):
        with b.scope(f"lstm.{layer}"):
            w = b.weight(2, 4 * hidden, width, scale=width**-0.5)
            r = b.weight(2, 4 * hidden, hidden, scale=hidden**-0.5, what="recurrence")
            y = b.op("LSTM", x, w, r, b.weight(2, 8 * hidden, scale=0.02, what="bias"), outputs=3,
                     direction="bidirectional", hidden_size=hidden)[0]
            x = b.op("Reshape", b.op("Transpose", y, perm=[0, 2, 1, 3]), b.ints(0, 0, 2 * hidden))
        width = 2 * hidden
    x = b.linear(b.op("Transpose", x, perm=[1, 0, 2]), width, tags)
    b.output("tags", b.op("LogSoftmax", x, axis=-1), "f32", ["batch", "sequence", tags])
    return b.model(), [{"input_ids": tokens((n, sequence), vocabulary, 5)} for n in batches]


ALL = [resnet50, mobilenet_v2, bert_base, gpt2, gpt2_step, unet, lstm_tagger]
