"""An LSTM with the numbers of `keras.layers.LSTM`, several times faster on a CPU.

For the weights W (F, 4H), U (H, 4H), b (4H,) and a sequence x_0 ... x_{T-1} the layer
computes, with s the activation of the gates and a that of the cell,

    z_t = x_t W + h_{t-1} U + b,    split into (i, f, g, o)
    c_t = s(f) c_{t-1} + s(i) a(g),    h_t = s(o) a(c_t)

Only h_{t-1} U has to wait for the step before, so x W + b is one product for all T.
Let dz_t be the derivative of the loss by z_t. Going back in time, the loop needs only

    (dz_t, dc_{t-1}) = derivative of the cell, given dh_t + dy_t and dc_t
    dh_{t-1} = dz_t U'

and then, with all dz_t side by side, each of the other gradients is one product too:

    dW = sum_t x_t' dz_t,    dU = sum_t h_{t-1}' dz_t,    db = sum_t dz_t,
    dx_t = dz_t W'

where differentiating the loop step by step would form T matrices of the size of U and
add them up. The first layer's dx is asked for by nobody, so it has its own function
that TensorFlow leaves out.

What remains in the loop are two products by U at each step. A batch is narrow, so
they are bound by how fast U is read, and a general matrix product that repacks U at
every call takes several times as long. The loop therefore keeps its state as columns,
h (H, B), and computes U' h and U dz with U' laid out once for each batch: then both
run along the rows of a matrix as it lies in memory. XLA compiles the loops and joins
the elementwise operations.
"""

import functools
import math

from backend import keras, tf

# Fixed shapes make XLA fast: it compiles anew for each batch size and T, in seconds.
compiled = functools.partial(tf.function, jit_compile=True, autograph=False)


class FastLSTM(keras.layers.LSTM):
    """`keras.layers.LSTM` with the same arguments, weights, masks and numbers.

    Whatever it has no faster way for (another backend, a GPU, a mask, several other
    options) it leaves to `keras.layers.LSTM`. It is meant for training: give the
    weights to a network built with `keras.layers.LSTM` before saving, and the file
    opens without this module.
    """

    def inner_loop(self, sequences, initial_state, mask, training=False):
        if mask is not None or not self.is_covered():
            return super().inner_loop(sequences, initial_state, mask, training)
        cell = self.cell
        if training and cell.dropout:  # one mask for all steps of a batch
            # Keras has just drawn it, slowly; XLA leaves out what nobody uses.
            seed = tf.convert_to_tensor(cell.seed_generator.state) - [0, 1]
            mask = drop(tf.ones_like(sequences[:, 0]), cell.dropout, seed)
            sequences *= mask[:, None]
        weights = [cell.kernel, cell.recurrent_kernel]
        if cell.use_bias:
            weights.append(cell.bias)
        weights = [tf.convert_to_tensor(weight) for weight in weights]
        if not cell.use_bias:
            weights.append(tf.zeros(4 * cell.units, weights[0].dtype))
        apply = make_lstm(cell.activation, cell.recurrent_activation)
        outputs, h, c = apply(sequences, *initial_state, *weights)
        return h, outputs, [h, c]

    def is_covered(self):
        """Say whether the faster way is open."""
        return (
            keras.backend.backend() == "tensorflow"
            and not tf.config.list_logical_devices("GPU")
            and not (self.go_backwards or self.stateful or self.unroll)
            and not self.cell.recurrent_dropout
            and self.cell.implementation == 2
            and self.compute_dtype == self.variable_dtype
        )


class FastDropout(keras.layers.Dropout):
    """`keras.layers.Dropout` with the same numbers when compiled, drawn faster."""

    def call(self, inputs, training=False):
        if not training or not self.rate:
            return inputs
        return drop(inputs, self.rate, self.seed_generator.next())


def drop(x, rate, seed):
    """Compute `keras.random.dropout` with the state of its generator as the seed.

    Left to choose, XLA draws by Philox on a CPU, and takes ten times as long as when
    it is told to.
    """
    seed = tf.cast(seed % (tf.int32.max - 1), tf.int32)  # as Keras does
    return tf.nn.experimental.stateless_dropout(x, rate, seed, rng_alg="philox")


class FastAdam(keras.optimizers.Adam):
    """`keras.optimizers.Adam` whose update reads and writes a large array once."""

    def update_step(self, gradient, variable, learning_rate):
        is_small = math.prod(variable.shape) < 2**20  # not worth the compiling
        if is_small or keras.backend.backend() != "tensorflow":
            super().update_step(gradient, variable, learning_rate)
            return

        @compiled
        def step(gradient, learning_rate):
            keras.optimizers.Adam.update_step(self, gradient, variable, learning_rate)

        step(gradient, tf.convert_to_tensor(learning_rate))


def make_loops(activation, gate):
    """Make the loop over time and its gradient; their states are columns, (H, B).

    Returns
    -------
    (callable, callable)
        x W + b (T, 4H, B), h, c, U -> last h and c, and what was kept of each step;
        and back: U, the first c, what was kept, dy (T, H, B), dh, dc -> dz, dh, dc.
    """

    def step_cell(z, c):
        i, f, g, o = tf.split(z, 4, axis=0)
        c = gate(f) * c + gate(i) * activation(g)
        return gate(o) * activation(c), c

    def run(xw, h, c, u):
        u_rows = tf.transpose(u)

        def step(state, now):
            z = tf.matmul(u_rows, state[0]) + now[0]  # (4H, B)
            h, c = step_cell(z, state[1])
            return (h, c), (h, c, z)

        return scan(step, (h, c), [xw], 3)

    def run_back(u, c, kept, dy, dh, dc):
        _, cs, zs = kept

        def step(state, now):
            (dh, dc), (dy, z, c) = state, now
            with tf.GradientTape() as tape:
                tape.watch((z, c))
                out = step_cell(z, c)
            dz, dc = tape.gradient(out, (z, c), (dh + dy, dc))
            return (tf.matmul(u, dz), dc), (dz,)

        inputs = [dy, zs, delay(cs, c)]
        (dh, dc), (dz,) = scan(step, (dh, dc), inputs, 1, reverse=True)
        return dz, dh, dc

    return run, run_back


@functools.cache
def make_lstm(activation, gate):
    """Make the function of an LSTM for two activations, with its gradient.

    Returns
    -------
    callable
        x (B, T, F), h and c (B, H), W, U, b -> outputs (B, T, H), last h and c.
    """
    run, run_back = make_loops(activation, gate)

    @compiled
    def forward(x, h, c, w, u, b):
        size, steps = tf.shape(x)[0], tf.shape(x)[1]
        x = tf.reshape(tf.transpose(x, (1, 0, 2)), (-1, tf.shape(x)[2]))
        xw = tf.reshape(tf.matmul(x, w) + b, (steps, size, -1))
        columns = tf.transpose(xw, (0, 2, 1)), tf.transpose(h), tf.transpose(c)
        (h, c), kept = run(*columns, u)
        outputs = tf.transpose(kept[0], (2, 0, 1))
        return outputs, tf.transpose(h), tf.transpose(c), kept

    @compiled
    def backward(x, h, c, u, kept, dy, dh, dc):
        upstream = tf.transpose(dy, (1, 2, 0)), tf.transpose(dh), tf.transpose(dc)
        dz, dh, dc = run_back(u, tf.transpose(c), kept, *upstream)
        dz = tf.reshape(tf.transpose(dz, (0, 2, 1)), (-1, tf.shape(u)[1]))  # (TB, 4H)
        dw = tf.matmul(join_steps(tf.transpose(x, (1, 2, 0))), dz)
        du = tf.matmul(join_steps(delay(kept[0], tf.transpose(h))), dz)
        db = tf.reduce_sum(dz, axis=0)
        return dz, tf.transpose(dh), tf.transpose(dc), dw, du, db

    @compiled
    def backward_input(x, w, dz):
        size, steps = tf.shape(x)[0], tf.shape(x)[1]
        dx = tf.reshape(tf.matmul(dz, w, transpose_b=True), (steps, size, -1))
        return tf.transpose(dx, (1, 0, 2))

    @tf.custom_gradient
    def apply(*arguments):
        # Without this an eager tape would look for a gradient inside `forward`, too.
        x, h, c, w, u, b = map(tf.stop_gradient, arguments)
        *results, kept = forward(x, h, c, w, u, b)

        def gradient(*upstream):
            dz, *others = backward(x, h, c, u, kept, *upstream)
            return backward_input(x, w, dz), *others

        return tuple(results), gradient

    return apply


@functools.cache
def make_recurrence(activation, gate, with_xla):
    """Make the function of an LSTM whose input is projected already.

    Returns
    -------
    callable
        x W + b (B, T, 4H), U -> outputs (B, T, H), from a state of zeros; it has the
        gradient of its first argument alone. With XLA it is compiled anew, in
        seconds, for each shape, which pays for wide networks.
    """
    run, run_back = make_loops(activation, gate)
    made = functools.partial(tf.function, jit_compile=with_xla, autograph=False)

    @made
    def forward(xw, u):
        rest = tf.zeros((tf.shape(u)[0], tf.shape(xw)[0]))
        _, kept = run(tf.transpose(xw, (1, 2, 0)), rest, rest, u)
        return tf.transpose(kept[0], (2, 0, 1)), kept

    @made
    def backward(u, kept, dy):
        rest = tf.zeros_like(kept[1][0])
        dz, _, _ = run_back(u, rest, kept, tf.transpose(dy, (1, 2, 0)), rest, rest)
        return tf.transpose(dz, (2, 0, 1))

    def apply(xw, u):
        @tf.custom_gradient
        def recur(xw):
            outputs, kept = forward(tf.stop_gradient(xw), u)
            return outputs, lambda dy: backward(u, kept, dy)

        return recur(xw)

    return apply


def scan(step, state, inputs, n_kept, reverse=False):
    """Run `step(state, now) -> (state, kept)` over inputs (T, ...) and stack `kept`."""
    steps = tf.shape(inputs[0])[0]
    arrays = [tf.TensorArray(inputs[0].dtype, steps) for _ in range(n_kept)]

    def body(k, state, arrays):
        t = steps - 1 - k if reverse else k
        state, kept = step(state, [series[t] for series in inputs])
        return (
            k + 1,
            state,
            [a.write(t, one) for a, one in zip(arrays, kept, strict=True)],
        )

    _, state, arrays = tf.while_loop(
        lambda k, *_: k < steps, body, (0, state, arrays), maximum_iterations=steps
    )
    return state, [array.stack() for array in arrays]


def delay(series, first):
    """Put `first` (n, B) before all but the last of a series (T, n, B)."""
    return tf.concat([first[None], series[:-1]], axis=0)


def join_steps(series):
    """Lay a series (T, n, B) out as one matrix (n, TB)."""
    return tf.reshape(tf.transpose(series, (1, 0, 2)), (tf.shape(series)[1], -1))
