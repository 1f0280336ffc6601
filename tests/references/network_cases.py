"""Cases of whole networks: layers as in a deck, and their loss."""


def layers(*inline):
    """`[[network.layer]]` tables from the insides of inline tables."""
    return "layer = [\n" + "".join(f"  {{ {table} }},\n" for table in inline) + "]"


PERCEPTRON = layers('kind = "dense", name = "fc1", units = 7, activation = "tanh"',
                    'kind = "dense", name = "fc2", units = 6, activation = "gelu"',
                    'kind = "dense", name = "last", units = 5')
IMAGE = [2, 6, 6]
CONVOLUTION = 'kind = "conv2d", channels = {channels}, kernel = 3, padding = 1, bias = false'
SHORTCUT = ('shortcut = [ {{ kind = "conv2d", channels = {channels}, kernel = 1, stride = {stride}, '
            'bias = false }}, {{ kind = "batch_norm" }} ]')


def body(channels, stride=1):
    """A residual's usual layers."""
    first = CONVOLUTION.format(channels=channels) + f", stride = {stride}"
    return (f'layer = [ {{ {first} }}, {{ kind = "batch_norm" }}, '
            '{ kind = "activation", function = "relu" }, '
            f'{{ {CONVOLUTION.format(channels=channels)} }}, {{ kind = "batch_norm" }} ]')


def transformer(causal, width=8, heads=2):
    attention = f'kind = "attention", heads = {heads}, causal = {str(causal).lower()}'
    return layers(
        f'kind = "embedding", vocabulary = 11, features = {width}',
        'kind = "position_embedding"',
        f'kind = "residual", name = "mix", layer = [ {{ kind = "layer_norm" }}, {{ {attention} }} ]',
        'kind = "residual", name = "think", layer = [ { kind = "layer_norm" }, '
        f'{{ kind = "dense", units = {2 * width}, activation = "gelu" }}, '
        f'{{ kind = "dense", units = {width} }} ]',
        'kind = "layer_norm", name = "norm"',
        'kind = "dense", name = "head", units = 11')


def case(name, network, shape, loss, batch=4, **how):
    return name, network, shape, loss, batch, how


def network_cases():
    yield from losses()
    yield from residuals()
    yield from whole_networks()


def losses():
    yield case("cross_entropy", PERCEPTRON, [6], "cross_entropy", classes=5)
    yield case("cross_entropy_one_sample", PERCEPTRON, [6], "cross_entropy", 1, classes=5)
    yield case("label_smoothing", PERCEPTRON, [6], "cross_entropy", 7, classes=5,
               train="label_smoothing = 0.1")
    yield case("mse", PERCEPTRON, [6], "mse", 7)
    yield case("binary_cross_entropy", PERCEPTRON, [6], "binary_cross_entropy", 7)
    yield case("binary_cross_entropy_far_from_zero",
               layers('kind = "activation", function = "identity"',
                      'kind = "dense", units = 9', 'kind = "activation", function = "leaky_relu"'),
               [6], "binary_cross_entropy", 7, scale=12)
    for loss in ("mse", "binary_cross_entropy"):
        yield case(f"{loss}_of_a_sequence",
                   layers('kind = "dense", units = 4, activation = "silu"',
                          'kind = "dense", units = 3'), [5, 2], loss, 3)
    sequence = layers('kind = "dense", units = 6, activation = "softplus"',
                      'kind = "dense", units = 7')
    yield case("cross_entropy_a_token", sequence, [5, 3], "cross_entropy", 3, classes=7)
    yield case("label_smoothing_a_token", sequence, [5, 3], "cross_entropy", 3, classes=7,
               train="label_smoothing = 0.2")


def residuals():
    last = 'kind = "dense", name = "last", units = 5'

    def on_vector(name, *inline):
        return case(name, layers(*inline, last), [6], "cross_entropy", 5, classes=5)

    dense6 = '{ kind = "dense", units = 6, activation = "tanh" }'
    first = 'kind = "dense", name = "first", units = 6, activation = "sigmoid"'
    yield on_vector("identity_shortcut", first, f'kind = "residual", layer = [ {dense6} ]')
    yield on_vector("of_the_input", f'kind = "residual", layer = [ {dense6} ]')
    yield on_vector("activation_after_the_sum", first,
                    f'kind = "residual", activation = "gelu", layer = [ {dense6}, {dense6} ]')
    for function in ("relu", "leaky_relu", "tanh", "sigmoid", "gelu_tanh", "silu", "softplus"):
        yield on_vector(f"{function}_after_the_sum", first,
                        f'kind = "residual", activation = "{function}", layer = [ {dense6} ]')
    yield on_vector("projection_shortcut", first,
                    'kind = "residual", layer = [ { kind = "dense", units = 8 } ], '
                    'shortcut = [ { kind = "dense", units = 8, bias = false } ]')
    yield on_vector("projection_of_the_input",
                    'kind = "residual", layer = [ { kind = "dense", units = 8 } ], activation = "tanh", '
                    'shortcut = [ { kind = "dense", name = "up", units = 8, activation = "gelu" } ]')
    yield on_vector("long_shortcut", first,
                    'kind = "residual", layer = [ { kind = "dense", units = 8 } ], shortcut = [ '
                    '{ kind = "dense", units = 4, activation = "tanh" }, { kind = "dense", units = 8 } ]')
    yield on_vector("without_parameters_inside", first,
                    'kind = "residual", layer = [ { kind = "activation", function = "gelu" } ]')
    yield on_vector("without_parameters_before",
                    'kind = "activation", function = "tanh"',
                    'kind = "residual", layer = [ { kind = "activation", function = "sigmoid" } ], '
                    'activation = "tanh"')
    yield on_vector("parameters_on_the_shortcut_alone", 'kind = "activation", function = "tanh"',
                    'kind = "residual", layer = [ { kind = "activation", function = "sigmoid" } ], '
                    'shortcut = [ { kind = "dense", units = 6 } ]')
    yield on_vector("two_in_a_row", first,
                    f'kind = "residual", layer = [ {dense6} ]',
                    f'kind = "residual", layer = [ {dense6} ]')
    yield on_vector("nested", first,
                    f'kind = "residual", name = "outer", layer = [ {dense6}, '
                    f'{{ kind = "residual", name = "inner", layer = [ {dense6}, {dense6} ], '
                    f'activation = "silu" }}, {dense6} ]')
    yield on_vector("nested_in_the_shortcut", first,
                    f'kind = "residual", layer = [ {dense6} ], shortcut = [ {{ kind = "residual", '
                    f'layer = [ {dense6} ], activation = "tanh" }} ]')
    yield on_vector("nested_only", first,
                    f'kind = "residual", layer = [ {{ kind = "residual", layer = [ {dense6} ] }} ]')
    yield on_vector("sequence", f'kind = "sequence", name = "block", layer = [ {dense6}, '
                    f'{{ kind = "sequence", layer = [ {dense6}, {dense6} ] }} ]')
    yield on_vector("sequence_in_residual", first,
                    f'kind = "residual", layer = [ {{ kind = "sequence", layer = [ {dense6}, {dense6} ] }} ]')
    yield on_vector("residual_in_sequence", first,
                    f'kind = "sequence", layer = [ {{ kind = "residual", layer = [ {dense6} ] }}, {dense6} ]')
    yield case("views_inside", layers(
        'kind = "dense", units = 3, activation = "tanh"',
        'kind = "residual", layer = [ { kind = "flatten" }, { kind = "dense", units = 4 } ], '
        'shortcut = [ { kind = "flatten" }, { kind = "dense", units = 4, bias = false } ]',
        'kind = "flatten"', last), [2, 2], "cross_entropy", 5, classes=5)
    yield case("views_alone_on_both_sides", layers(
        'kind = "dense", units = 3, activation = "tanh"',
        'kind = "residual", layer = [ { kind = "flatten" } ], shortcut = [ { kind = "flatten" } ]',
        last), [2, 2], "cross_entropy", 5, classes=5)
    yield case("of_images", layers(
        CONVOLUTION.format(channels=4) + ', name = "stem"', f'kind = "residual", {body(4)}, activation = "relu"',
        f'kind = "residual", {body(6, 2)}, {SHORTCUT.format(channels=6, stride=2)}, activation = "relu"',
        'kind = "global_avg_pool"', last), IMAGE, "cross_entropy", 5, classes=5)
    yield case("of_images_nested", layers(
        f'kind = "residual", name = "outer", {SHORTCUT.format(channels=3, stride=1)}, layer = [ '
        f'{{ {CONVOLUTION.format(channels=3)} }}, {{ kind = "batch_norm" }}, '
        f'{{ kind = "residual", {body(3)} }} ]',
        'kind = "avg_pool2d", kernel = 2', 'kind = "flatten"', last),
        IMAGE, "cross_entropy", 5, classes=5)


def whole_networks():
    yield case("lenet", layers(
        'kind = "conv2d", name = "conv1", channels = 4, kernel = 5, padding = 2, activation = "relu"',
        'kind = "max_pool2d", kernel = 2',
        'kind = "conv2d", name = "conv2", channels = 6, kernel = 3, activation = "tanh"',
        'kind = "avg_pool2d", kernel = 2', 'kind = "flatten"',
        'kind = "dense", name = "fc1", units = 10, activation = "relu"',
        'kind = "dense", name = "fc2", units = 5'), [1, 10, 10], "cross_entropy", 3, classes=5)
    yield case("autoencoder", layers(
        'kind = "flatten"', 'kind = "dense", units = 6, activation = "relu"',
        'kind = "dense", units = 16'), [1, 4, 4], "mse", 5)
    for causal in (True, False):
        yield case("transformer_causal" if causal else "transformer", transformer(causal), [9],
                   "cross_entropy", 3, classes=11, tokens=11)
    yield case("transformer_smoothed", transformer(True), [9], "cross_entropy", 3, classes=11,
               tokens=11, train="label_smoothing = 0.1")
    for kind in ("lstm", "gru"):
        yield case(f"{kind}_a_token", layers(
            'kind = "embedding", vocabulary = 9, features = 5',
            f'kind = "{kind}", name = "below", units = 6, return_sequence = true',
            f'kind = "{kind}", name = "above", units = 7, return_sequence = true',
            'kind = "dense", units = 9'), [8], "cross_entropy", 3, classes=9, tokens=9)
        yield case(f"{kind}_of_a_sequence", layers(
            f'kind = "{kind}", units = 6', 'kind = "dense", units = 3'), [7, 2], "mse", 4)
    yield case("softmax_inside", layers(
        'kind = "dense", units = 6', 'kind = "softmax"', 'kind = "dense", units = 5'),
        [4], "cross_entropy", 5, classes=5)
    yield case("attention_of_features", layers(
        'kind = "attention", heads = 2', 'kind = "flatten"', 'kind = "dense", units = 5'),
        [4, 6], "cross_entropy", 3, classes=5)


# Ten steps of training. 23 samples in batches of 5: five steps per epoch, the last with 3 samples.
SAMPLES, BATCH, EPOCHS = 23, 5, 2


def training_cases():
    def optimizer(name, text, network=PERCEPTRON, shape=(6,), train=""):
        return name, network, list(shape), f"optimizer = {{ {text} }}\n{train}"

    sgd, adam, adamw, rmsprop = (f'kind = "{kind}", learning_rate = {rate}' for kind, rate in (
        ("sgd", 0.1), ("adam", 0.01), ("adamw", 0.01), ("rmsprop", 0.01)))
    yield optimizer("sgd", sgd)
    yield optimizer("sgd_weight_decay", sgd + ", weight_decay = 0.05")
    yield optimizer("sgd_momentum", sgd + ", momentum = 0.9")
    yield optimizer("sgd_momentum_weight_decay", sgd + ", momentum = 0.9, weight_decay = 0.05")
    yield optimizer("sgd_nesterov", sgd + ", momentum = 0.8, nesterov = true")
    yield optimizer("sgd_nesterov_weight_decay",
                    sgd + ", momentum = 0.8, nesterov = true, weight_decay = 0.05")
    yield optimizer("adam", adam)
    yield optimizer("adam_weight_decay", adam + ", weight_decay = 0.05")
    yield optimizer("adam_options", adam + ", beta1 = 0.8, beta2 = 0.95, epsilon = 1e-4")
    yield optimizer("adamw", adamw)
    yield optimizer("adamw_options", adamw + ", beta1 = 0.8, beta2 = 0.95, epsilon = 1e-4, weight_decay = 0.2")
    yield optimizer("adamw_no_weight_decay", adamw + ", weight_decay = 0.0")
    yield optimizer("rmsprop", rmsprop)
    yield optimizer("rmsprop_momentum", rmsprop + ", momentum = 0.9")
    yield optimizer("rmsprop_weight_decay", rmsprop + ", weight_decay = 0.05")
    yield optimizer("rmsprop_options",
                    rmsprop + ", alpha = 0.9, epsilon = 1e-4, momentum = 0.5, weight_decay = 0.05")
    yield optimizer("clip_norm", sgd + ", momentum = 0.9", train="clip_norm = 0.6")
    yield optimizer("clip_norm_adam", adam, train="clip_norm = 0.6")
    warm = ", warmup_steps = 3"
    step = 'schedule = {{ kind = "step", every = 1, factor = 0.3{} }}'
    cosine = 'schedule = {{ kind = "cosine"{} }}'
    yield optimizer("constant_warmup", sgd, train='schedule = { kind = "constant", warmup_steps = 4 }')
    yield optimizer("step", sgd + ", momentum = 0.9", train=step.format(""))
    yield optimizer("step_warmup", sgd, train=step.format(warm))
    yield optimizer("cosine", sgd + ", momentum = 0.9", train=cosine.format(""))
    yield optimizer("cosine_warmup", sgd, train=cosine.format(warm))
    yield optimizer("cosine_warmup_final", sgd, train=cosine.format(warm + ", final = 0.02"))
    yield optimizer("adam_cosine_warmup", adam, train=cosine.format(warm + ", final = 0.001"))
    # An optimizer does not update running statistics.
    normalised = layers('kind = "dense", name = "fc1", units = 7, bias = false', 'kind = "batch_norm"',
                        'kind = "activation", function = "tanh"', 'kind = "dense", name = "last", units = 5')
    yield optimizer("batch_norm_sgd", sgd + ", momentum = 0.9, weight_decay = 0.05", normalised)
    yield optimizer("batch_norm_adamw_clipped", adamw + ", weight_decay = 0.1", normalised,
                    train="clip_norm = 1.0")
