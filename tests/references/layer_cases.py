"""Cases of single layers: (kind, name, keys, shape of a sample, batch, how)."""

FUNCTIONS = ("identity", "relu", "leaky_relu", "tanh", "sigmoid", "gelu", "gelu_tanh", "silu",
             "softplus")


def layer_cases():
    yield from dense()
    yield from conv2d()
    yield from pools()
    yield from norms()
    yield from elementwise()
    yield from tokens()
    yield from attention()
    yield from recurrent()


def dense():
    def case(name, keys, shape, batch):
        return "dense", name, keys, shape, batch, {}

    yield case("vector", "units = 5", [7], 3)
    yield case("no_bias", "units = 5\nbias = false", [7], 3)
    yield case("one_by_one", "units = 1", [1], 1)
    yield case("wide", "units = 33", [17], 19)
    yield case("last_dimension", 'units = 3\nactivation = "tanh"', [2, 3, 4], 2)
    yield case("sequence_no_bias", 'units = 6\nbias = false\nactivation = "gelu"', [5, 4], 3)
    for function in FUNCTIONS:
        yield case(function, f'units = 5\nactivation = "{function}"', [6], 7)


def conv2d():
    def case(name, keys, shape, batch):
        return "conv2d", name, keys, shape, batch, {}

    yield case("plain", "channels = 4\nkernel = 3", [3, 7, 6], 2)
    yield case("no_bias", "channels = 4\nkernel = 3\nbias = false", [3, 6, 5], 2)
    yield case("pointwise", "channels = 5\nkernel = 1", [3, 4, 5], 3)
    yield case("pointwise_stride", "channels = 6\nkernel = 1\nstride = 2\nbias = false", [4, 7, 6], 2)
    yield case("same", "channels = 4\nkernel = 3\npadding = 1", [3, 6, 7], 2)
    yield case("five_same", 'channels = 3\nkernel = 5\npadding = 2\nactivation = "relu"', [1, 8, 9], 2)
    yield case("stride", "channels = 4\nkernel = 3\nstride = 2\npadding = 1", [2, 9, 8], 2)
    yield case("stride_over_kernel", "channels = 2\nkernel = 2\nstride = 3", [2, 9, 8], 2)
    yield case("padding", "channels = 3\nkernel = 3\npadding = 2", [2, 5, 4], 2)
    yield case("padding_pair", "channels = 3\nkernel = 3\npadding = [0, 2]", [2, 5, 4], 2)
    yield case("dilation", "channels = 3\nkernel = 3\ndilation = 2", [2, 8, 7], 2)
    yield case("dilation_same", "channels = 3\nkernel = 3\ndilation = 2\npadding = 2", [2, 6, 7], 2)
    yield case("kernel_pair", "channels = 3\nkernel = [2, 4]", [2, 5, 7], 2)
    yield case("row_kernel", "channels = 3\nkernel = [1, 5]\npadding = [0, 2]", [2, 4, 7], 2)
    yield case("groups", "channels = 6\nkernel = 3\npadding = 1\ngroups = 2", [4, 5, 6], 2)
    yield case("depthwise", "channels = 5\nkernel = 3\npadding = 1\ngroups = 5", [5, 6, 5], 2)
    yield case("depthwise_multiplier", "channels = 6\nkernel = 3\ngroups = 3\nbias = false",
               [3, 6, 5], 2)
    yield case("grouped_pointwise", "channels = 6\nkernel = 1\ngroups = 3", [6, 3, 4], 2)
    yield case("all_pairs", "channels = 4\nkernel = [3, 2]\nstride = [2, 1]\npadding = [1, 0]\n"
               'dilation = [1, 2]\ngroups = 2\nactivation = "tanh"', [4, 9, 7], 2)
    yield case("whole_image", "channels = 5\nkernel = [4, 3]", [2, 4, 3], 3)
    yield case("one_pixel", "channels = 1\nkernel = 3\npadding = 1", [1, 1, 1], 1)
    yield case("many_channels", 'channels = 20\nkernel = 3\npadding = 1\nactivation = "relu"',
               [16, 5, 9], 2)
    yield case("many_channels_stride", "channels = 17\nkernel = 3\nstride = 2\npadding = 1\n"
               "bias = false", [9, 10, 7], 2)
    yield case("lenet", 'channels = 6\nkernel = 5\nactivation = "relu"', [1, 28, 20], 1)
    for function in FUNCTIONS:
        yield case(function, f'channels = 3\nkernel = 2\nactivation = "{function}"', [2, 4, 5], 2)


def pools():
    for kind in ("max_pool2d", "avg_pool2d"):
        def case(name, keys, shape, batch):
            return kind, name, keys, shape, batch, {}

        yield case("plain", "kernel = 2", [3, 6, 8], 2)
        yield case("left_over", "kernel = 2", [2, 7, 5], 2)
        yield case("overlap", "kernel = 3\nstride = 2", [2, 9, 7], 2)
        yield case("padding", "kernel = 3\nstride = 2\npadding = 1", [2, 8, 7], 2)
        yield case("stride_one", "kernel = 2\nstride = 1", [2, 5, 4], 2)
        yield case("same", "kernel = 3\nstride = 1\npadding = 1", [2, 5, 4], 2)
        yield case("gaps", "kernel = 2\nstride = 3", [2, 8, 9], 2)
        yield case("pairs", "kernel = [3, 2]\nstride = [1, 2]\npadding = [1, 0]", [2, 6, 7], 2)
        yield case("kernel_pair", "kernel = [2, 3]", [2, 6, 7], 3)
        yield case("whole_image", "kernel = [4, 5]", [3, 4, 5], 1)
    yield "global_avg_pool", "image", "", [5, 4, 3], 3, {}
    yield "global_avg_pool", "pixel", "", [4, 1, 1], 2, {}
    yield "global_avg_pool", "wide", "", [3, 7, 11], 1, {}


def norms():
    def batch_norm(name, keys, shape, batch, **how):
        return "batch_norm", name, keys, shape, batch, how

    shapes = (("image", [3, 4, 5], 4), ("features", [6], 9), ("sequence", [5, 4], 3),
              ("pixel", [4, 1, 1], 5))
    for name, shape, batch in shapes:
        yield batch_norm(name, "", shape, batch)
        yield batch_norm(f"{name}_second_pass", "momentum = 0.3\nepsilon = 1e-3", shape, batch,
                         passes=2)
        yield batch_norm(f"{name}_inference", "epsilon = 1e-3", shape, batch, mode="inference")
    yield batch_norm("momentum_one", "momentum = 1.0", [4], 5)
    yield batch_norm("wide_image", "", [17, 3, 7], 2)
    for name, keys, shape, batch in (("vector", "", [8], 3), ("sequence", "", [5, 12], 3),
                                     ("epsilon", "epsilon = 1e-2", [4, 7], 2),
                                     ("image", "", [2, 3, 9], 2), ("wide", "", [67], 5)):
        yield "layer_norm", name, keys, shape, batch, {}


def elementwise():
    for function in FUNCTIONS:
        keys = f'function = "{function}"'
        yield "activation", function, keys, [37], 3, {"scale": 3}
        yield "activation", f"{function}_image", keys, [2, 3, 4], 2, {}
    yield "flatten", "image", "", [2, 3, 4], 2, {}
    yield "flatten", "vector", "", [5], 2, {}
    yield "softmax", "vector", "", [7], 4, {"scale": 3}
    yield "softmax", "sequence", "", [5, 6], 2, {"scale": 3}
    yield "softmax", "wide", "", [70], 3, {"scale": 5}
    # PyTorch's random numbers differ from ours: the layer's tests check which elements are dropped.
    yield "dropout", "inference", "rate = 0.4", [4, 5], 3, {"mode": "inference"}
    yield "dropout", "training_without_loss", "rate = 0.0", [4, 5], 3, {}


def tokens():
    def case(name, vocabulary, features, length, batch):
        return ("embedding", name, f"vocabulary = {vocabulary}\nfeatures = {features}", [length],
                batch, {"tokens": vocabulary})

    yield case("repeated", 5, 6, 9, 4)
    yield case("most_unused", 40, 7, 3, 2)
    yield case("one", 1, 1, 1, 1)
    yield case("many", 23, 16, 16, 5)
    yield "position_embedding", "sequence", "", [5, 6], 3, {}
    yield "position_embedding", "one", "", [1, 4], 2, {}


def attention():
    for heads in (1, 2, 3, 4):
        for causal in (False, True):
            keys = f"heads = {heads}" + ("\ncausal = true" if causal else "")
            name = f"heads_{heads}" + ("_causal" if causal else "")
            yield "attention", name, keys, [7, 12], 2, {}
    lengths = ((1, 8, 2, 3), (2, 6, 3, 1), (17, 10, 2, 2), (33, 8, 1, 1), (40, 16, 4, 1), (70, 8, 2, 1))
    for length, width, heads, batch in lengths:
        for causal in (False, True):
            keys = f"heads = {heads}" + ("\ncausal = true" if causal else "")
            name = f"length_{length}" + ("_causal" if causal else "")
            yield "attention", name, keys, [length, width], batch, {"scale": 2}
    yield "attention", "wide_head", "heads = 1\ncausal = true", [9, 24], 1, {}


def recurrent():
    for kind in ("lstm", "gru"):
        for sequence in (False, True):
            end = "\nreturn_sequence = true" if sequence else ""
            suffix = "_sequence" if sequence else "_last"
            for name, units, shape, batch in (("small", 4, [5, 3], 2), ("one_step", 3, [1, 4], 3),
                                              ("one_unit", 1, [6, 1], 1), ("primes", 7, [11, 5], 3),
                                              ("wide", 20, [6, 9], 5)):
                yield kind, name + suffix, f"units = {units}{end}", shape, batch, {}
