"""Ridgeline's layers as PyTorch modules, built from a deck's tables.

`build` gives a module whose state_dict has the names of a checkpoint's `/model`, so that either can
be loaded into the other, and whose forward is what docs/layers.md says, in PyTorch's own kernels.
"""
import collections

import torch
from torch import nn
from torch.nn import functional

ACTIVATIONS = {
    "identity": lambda z: z,
    "relu": functional.relu,
    "leaky_relu": functional.leaky_relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "gelu": functional.gelu,
    "gelu_tanh": lambda z: functional.gelu(z, approximate="tanh"),
    "silu": functional.silu,
    "softplus": functional.softplus,
}

# What `kinks` collects: how far the last passes stayed from where a function has no derivative.
_distances = []


def kinks():
    """Returns the least distance from a kink, or between a pool's two largest values, since the last call."""
    least = min(_distances, default=float("inf"))
    _distances.clear()
    return least


def activate(name, z):
    if name in ("relu", "leaky_relu"):
        _distances.append(z.detach().abs().min().item())
    return ACTIVATIONS[name](z)


class Dense(nn.Linear):
    def __init__(self, shape, units, bias=True, activation="identity"):
        super().__init__(shape[-1], units, bias=bias)
        self.activation = activation

    def forward(self, x):
        return activate(self.activation, super().forward(x))


class Conv2d(nn.Conv2d):
    def __init__(self, shape, channels, kernel, stride=1, padding=0, dilation=1, groups=1, bias=True,
                 activation="identity"):
        super().__init__(shape[0], channels, pair(kernel), pair(stride), pair(padding),
                         pair(dilation), groups, bias)
        self.activation = activation

    def forward(self, x):
        return activate(self.activation, super().forward(x))


class MaxPool2d(nn.MaxPool2d):
    def __init__(self, shape, kernel, stride=None, padding=0):
        super().__init__(pair(kernel), None if stride is None else pair(stride), pair(padding))

    def forward(self, x):
        top, left = self.padding
        padded = functional.pad(x.detach(), (left, left, top, top), value=float("-inf"))
        windows = padded.unfold(2, self.kernel_size[0], self.stride[0])
        windows = windows.unfold(3, self.kernel_size[1], self.stride[1]).flatten(4)
        if windows.shape[4] > 1:
            best = windows.topk(2, dim=4).values
            # Zeros of a relu may tie: the gradient is zero for either choice.
            gaps = (best[..., 0] - best[..., 1])[best[..., 0] != 0]
            _distances.extend(gaps.min().reshape(1).tolist() if gaps.numel() else [])
        return super().forward(x)


class AvgPool2d(nn.AvgPool2d):
    def __init__(self, shape, kernel, stride=None, padding=0):
        super().__init__(pair(kernel), None if stride is None else pair(stride), pair(padding))


class GlobalAvgPool(nn.Module):
    def __init__(self, shape):
        super().__init__()

    def forward(self, x):
        return x.mean((2, 3))


class Flatten(nn.Flatten):
    def __init__(self, shape):
        super().__init__()


class Softmax(nn.Softmax):
    def __init__(self, shape):
        super().__init__(dim=-1)


class Activation(nn.Module):
    def __init__(self, shape, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return activate(self.function, x)


class BatchNorm(nn.BatchNorm1d):
    """Over the channels of an image [c, h, w], otherwise over the last dimension."""

    def __init__(self, shape, momentum=0.1, epsilon=1e-5):
        self.of_image = len(shape) == 3
        super().__init__(shape[0] if self.of_image else shape[-1], eps=epsilon, momentum=momentum)

    def forward(self, x):
        if self.of_image:
            return super().forward(x.flatten(2)).view_as(x)
        return super().forward(x.reshape(-1, x.shape[-1])).view_as(x)


class LayerNorm(nn.LayerNorm):
    def __init__(self, shape, epsilon=1e-5):
        super().__init__(shape[-1], eps=epsilon)


class Dropout(nn.Dropout):
    def __init__(self, shape, rate):
        super().__init__(rate)


class Embedding(nn.Embedding):
    def __init__(self, shape, vocabulary, features):
        super().__init__(vocabulary, features)


class PositionEmbedding(nn.Embedding):
    def __init__(self, shape):
        super().__init__(*shape)

    def forward(self, x):
        return x + self.weight


class Attention(nn.MultiheadAttention):
    def __init__(self, shape, heads, causal=False):
        super().__init__(shape[-1], heads, batch_first=True)
        self.causal = causal

    def forward(self, x):
        length = x.shape[1]
        mask = None
        if self.causal:
            mask = torch.ones(length, length, dtype=torch.bool).triu(1)
        return super().forward(x, x, x, attn_mask=mask, need_weights=False)[0]


class Lstm(nn.LSTM):
    def __init__(self, shape, units, return_sequence=False):
        super().__init__(shape[-1], units, batch_first=True)
        self.return_sequence = return_sequence

    def forward(self, x):
        y = super().forward(x)[0]
        return y if self.return_sequence else y[:, -1]


class Gru(nn.GRU):
    def __init__(self, shape, units, return_sequence=False):
        super().__init__(shape[-1], units, batch_first=True)
        self.return_sequence = return_sequence

    def forward(self, x):
        y = super().forward(x)[0]
        return y if self.return_sequence else y[:, -1]


class Sequence(nn.Sequential):
    def __init__(self, shape, layer):
        super().__init__(build_children(layer, shape))


class Residual(nn.Module):
    """f(body(x) + shortcut(x)); the body's layers are children under their own names."""

    def __init__(self, shape, layer, activation="identity", shortcut=()):
        super().__init__()
        children = build_children(layer, shape)
        for name, module in children.items():
            self.add_module(name, module)
        self.names = list(children)
        self.activation = activation
        if shortcut:
            self.add_module("shortcut", nn.Sequential(build_children(shortcut, shape)))

    def forward(self, x):
        y = x
        for name in self.names:
            y = self.get_submodule(name)(y)
        kept = self.get_submodule("shortcut")(x) if hasattr(self, "shortcut") else x
        return activate(self.activation, y + kept)


KINDS = {
    "dense": Dense,
    "conv2d": Conv2d,
    "max_pool2d": MaxPool2d,
    "avg_pool2d": AvgPool2d,
    "global_avg_pool": GlobalAvgPool,
    "flatten": Flatten,
    "softmax": Softmax,
    "position_embedding": PositionEmbedding,
    "batch_norm": BatchNorm,
    "layer_norm": LayerNorm,
    "activation": Activation,
    "dropout": Dropout,
    "embedding": Embedding,
    "attention": Attention,
    "lstm": Lstm,
    "gru": Gru,
    "residual": Residual,
    "sequence": Sequence,
}


def pair(value):
    return tuple(value) if isinstance(value, list) else (value, value)


def make_layer(table, shape):
    """The module of one `[[network.layer]]` table for samples of `shape`."""
    options = {key: value for key, value in table.items() if key not in ("kind", "name")}
    return KINDS[table["kind"]](tuple(shape), **options).double()


def output_shape(module, shape, tokens=False):
    """Returns the shape of one sample's output; runs two samples and keeps no state."""
    sample = torch.zeros(2, *shape, dtype=torch.int64 if tokens else torch.float64)
    before = list(_distances)
    was_training = module.training
    with torch.no_grad():
        shape = tuple(module.eval()(sample).shape[1:])
    module.train(was_training)
    _distances[:] = before
    return shape


def build_children(tables, shape):
    """Modules by name, in order, as a deck names its layers."""
    children, counts = collections.OrderedDict(), collections.Counter()
    for table in tables:
        kind = table["kind"]
        counts[kind] += 1
        module = make_layer(table, shape)
        children[table.get("name", f"{kind}{counts[kind]}")] = module
        shape = output_shape(module, shape, tokens=kind == "embedding")
    return children


def build(tables, shape):
    """The network of a deck's `[[network.layer]]` tables for samples of `shape`, in float64."""
    return nn.Sequential(build_children(tables, shape))
