"""Builds an ONNX model node by node, with seeded weights. A value is its name.

    b = Builder("mlp", seed=1)
    x = b.input("x", "f32", ["batch", 64])
    b.output("y", b.relu(b.linear(x, 64, 10)), "f32", ["batch", 10])
    model = b.model()
"""
import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

OPSET = 17
TYPES = {"f32": TensorProto.FLOAT, "i64": TensorProto.INT64}


class Builder:
    def __init__(self, name, seed):
        self.name = name
        self.random = np.random.default_rng(seed)
        self.nodes, self.initializers, self.inputs, self.outputs = [], [], [], []
        self.scopes, self.counts, self.constants = [], {}, {}

    # --- names and values ---
    def scope(self, name):
        """`with b.scope("layer.0"):` names what is added within."""
        return _Scope(self, name)

    def _name(self, what):
        stem = "/".join(self.scopes + [what])
        n = self.counts.get(stem, 0)
        self.counts[stem] = n + 1
        return stem if n == 0 else f"{stem}_{n}"

    def input(self, name, dtype, shape):
        self.inputs.append(helper.make_tensor_value_info(name, TYPES[dtype], shape))
        return name

    def output(self, name, value, dtype, shape):
        self.nodes.append(helper.make_node("Identity", [value], [name], name=name))
        self.outputs.append(helper.make_tensor_value_info(name, TYPES[dtype], shape))

    def array(self, value, what="constant"):
        """An initializer with this value."""
        name = self._name(what)
        self.initializers.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def ints(self, *values):
        """An i64 constant: a vector, made once."""
        key = values
        if key not in self.constants:
            self.constants[key] = self.array(np.array(values, np.int64), "ints")
        return self.constants[key]

    def scalar(self, value):
        key = float(value)
        if key not in self.constants:
            self.constants[key] = self.array(np.float32(value), "scalar")
        return self.constants[key]

    def weight(self, *shape, scale, mean=0.0, what="weight"):
        drawn = self.random.standard_normal(shape, np.float32)
        return self.array(drawn * np.float32(scale) + np.float32(mean), what)

    def op(self, kind, *inputs, outputs=1, **attributes):
        name = self._name(kind)
        results = [name] if outputs == 1 else [f"{name}.{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), results, name=name, **attributes))
        return results[0] if outputs == 1 else results

    # --- layers, as PyTorch's exporter writes them ---
    def linear(self, x, width, out, scale=None):
        w = self.weight(width, out, scale=scale or width**-0.5)
        return self.op("Add", self.op("MatMul", x, w), self.weight(out, scale=0.02, what="bias"))

    def conv(self, x, width, out, kernel=3, stride=1, groups=1, gain=1.0, bias=True):
        fan_in = width // groups * kernel * kernel
        operands = [x, self.weight(out, width // groups, kernel, kernel, scale=gain * (2 / fan_in) ** 0.5)]
        if bias:
            operands.append(self.weight(out, scale=0.02, what="bias"))
        return self.op("Conv", *operands, kernel_shape=[kernel] * 2, strides=[stride] * 2, group=groups,
                       pads=[(kernel - 1) // 2] * 4, dilations=[1, 1])

    def batch_norm(self, x, width):
        variance = self.array(self.random.uniform(0.5, 1.5, width).astype(np.float32), "variance")
        return self.op("BatchNormalization", x, self.weight(width, scale=0.05, mean=1.0, what="scale"),
                       self.weight(width, scale=0.05, what="shift"),
                       self.weight(width, scale=0.05, what="mean"), variance, epsilon=1e-5)

    def relu(self, x):
        return self.op("Relu", x)

    def relu6(self, x):
        return self.op("Clip", x, self.scalar(0), self.scalar(6))

    def layer_norm(self, x, width, epsilon):
        return self.op("LayerNormalization", x, self.weight(width, scale=0.02, mean=1.0, what="scale"),
                       self.weight(width, scale=0.02, what="shift"), axis=-1, epsilon=epsilon)

    def gelu_erf(self, x):
        e = self.op("Erf", self.op("Div", x, self.scalar(2**0.5)))
        return self.op("Mul", self.op("Mul", x, self.op("Add", e, self.scalar(1))), self.scalar(0.5))

    def gelu_tanh(self, x):
        cube = self.op("Mul", self.op("Pow", x, self.scalar(3)), self.scalar(0.044715))
        t = self.op("Tanh", self.op("Mul", self.op("Add", x, cube), self.scalar((2 / np.pi) ** 0.5)))
        return self.op("Mul", self.op("Mul", x, self.scalar(0.5)), self.op("Add", t, self.scalar(1)))

    def extent(self, x, axis):
        """The extent of an axis as i64[]."""
        which = self.constants.get(("axis", axis))
        if which is None:
            which = self.constants["axis", axis] = self.array(np.int64(axis), "axis")
        return self.op("Gather", self.op("Shape", x), which, axis=0)

    def model(self):
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.initializers)
        made = helper.make_model(graph, producer_name="leat tools/models",
                                 opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        checker.check_model(made)
        return made


class _Scope:
    def __init__(self, builder, name):
        self.builder, self.name = builder, name

    def __enter__(self):
        self.builder.scopes.append(self.name)

    def __exit__(self, *_):
        self.builder.scopes.pop()
