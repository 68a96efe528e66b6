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
add them up. The first layer's dx is not asked for: it has a separate function, which
TensorFlow then skips.

What remains in the loop are two products by U at each step. A batch is narrow, so they
are bound by how fast U is read. The loop therefore keeps its state as columns, h and
c (H, B), and computes U' h and U dz with U' laid out once for each batch: both then run
along the rows of a matrix as it lies in memory. XLA compiles the loops.
"""

import functools
import math

from system.backend import keras, tf


class FastLSTM(keras.layers.LSTM):
    """`keras.layers.LSTM` that starts at rest, with the same arguments and numbers.

    Whatever it has no faster way for (a GPU, a mask, other options than those of
    `models.build_lstm`) it leaves to `keras.layers.LSTM`. It is meant for training:
    give the weights to a network built with `keras.layers.LSTM` before saving, and the
    file opens without this module.
    """

    def inner_loop(self, sequences, initial_state, mask, training=False):
        if mask is not None or not self.is_covered():
            return super().inner_loop(sequences, initial_state, mask, training)
        cell = self.cell
        if training and cell.dropout:  # one mask for all steps of a batch
            # Keras has just drawn it, slowly; XLA skips what is not used.
            seed = tf.convert_to_tensor(cell.seed_generator.state) - [0, 1]
            mask = drop(tf.ones_like(sequences[:, 0]), cell.dropout, seed)
            sequences *= mask[:, None]
        weights = cell.kernel, cell.recurrent_kernel, cell.bias
        weights = [tf.convert_to_tensor(weight) for weight in weights]
        outputs = make_lstm(cell.activation, cell.recurrent_activation)(
            sequences, *weights
        )
        return outputs[:, -1], outputs, initial_state  # the states, which none asks for

    def is_covered(self):
        """Check whether the faster way is open."""
        others = (self.go_backwards, self.stateful, self.unroll, self.return_state)
        others += (self.cell.recurrent_dropout, self.cell.implementation != 2)
        others += (self.compute_dtype != self.variable_dtype,)
        has_gpu = tf.config.list_logical_devices("GPU")
        return self.cell.use_bias and not any(others) and not has_gpu


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
        if math.prod(variable.shape) < 2**20:  # not worth the compiling
            super().update_step(gradient, variable, learning_rate)
            return

        @tf.function(jit_compile=True, autograph=False)
        def step(gradient, learning_rate):
            keras.optimizers.Adam.update_step(self, gradient, variable, learning_rate)

        step(gradient, tf.convert_to_tensor(learning_rate))


def step_cell(activation, gate, z, c):
    """Go one step: h and c (H, B), from z (4H, B) and the c before."""
    i, f, g, o = tf.split(z, 4, axis=0)
    c = gate(f) * c + gate(i) * activation(g)
    return gate(o) * activation(c), c


def run(cell, xw, u):
    """Go through x W + b (T, 4H, B) from rest; gives h, c and z of all steps."""
    rest = tf.zeros((tf.shape(u)[0], tf.shape(xw)[2]), xw.dtype)
    u_rows = tf.transpose(u)

    def step(state, now):
        z = tf.matmul(u_rows, state[0]) + now[0]  # (4H, B)
        h, c = cell(z, state[1])
        return (h, c), (h, c, z)

    return scan(step, (rest, rest), [xw], 3)


def run_back(cell, u, kept, dy):
    """Go back in time with dy (T, H, B), over what `run` gave; gives dz (T, 4H, B)."""
    _, cs, zs = kept
    rest = tf.zeros_like(cs[0])

    def step(state, now):
        (dh, dc), (dy, z, c) = state, now
        with tf.GradientTape() as tape:
            tape.watch((z, c))
            out = cell(z, c)
        dz, dc = tape.gradient(out, (z, c), (dh + dy, dc))
        return (tf.matmul(u, dz), dc), (dz,)

    return scan(step, (rest, rest), [dy, zs, delay(cs)], 1, reverse=True)[0]


@functools.cache
def make_lstm(activation, gate, is_projected=False, with_xla=True):
    """Make the function of an LSTM at rest for two activations, with its gradient.

    It turns x (B, T, F), W, U and b into outputs (B, T, H); where the input is
    projected already, x W + b (B, T, 4H) and U alone count, and x alone has a gradient.
    With XLA it is compiled anew, in seconds, for each shape, which pays for wide
    networks and for many batches.
    """
    made = functools.partial(tf.function, jit_compile=with_xla, autograph=False)
    cell = functools.partial(step_cell, activation, gate)

    @made
    def forward(x, w, u, b):
        size, steps = tf.shape(x)[0], tf.shape(x)[1]
        xw = tf.transpose(x, (1, 0, 2))
        if not is_projected:
            xw = tf.matmul(tf.reshape(xw, (-1, tf.shape(x)[2])), w) + b
            xw = tf.reshape(xw, (steps, size, -1))
        kept = run(cell, tf.transpose(xw, (0, 2, 1)), u)
        return tf.transpose(kept[0], (2, 0, 1)), kept

    @made
    def backward(x, u, kept, dy):
        dz = run_back(cell, u, kept, tf.transpose(dy, (1, 2, 0)))
        if is_projected:
            return tf.transpose(dz, (2, 0, 1))
        dz = tf.reshape(tf.transpose(dz, (0, 2, 1)), (-1, tf.shape(u)[1]))  # (TB, 4H)
        dw = tf.matmul(join_steps(tf.transpose(x, (1, 2, 0))), dz)
        du = tf.matmul(join_steps(delay(kept[0])), dz)
        return dz, dw, du, tf.reduce_sum(dz, axis=0)

    @made
    def backward_input(x, w, dz):
        size, steps = tf.shape(x)[0], tf.shape(x)[1]
        dx = tf.reshape(tf.matmul(dz, w, transpose_b=True), (steps, size, -1))
        return tf.transpose(dx, (1, 0, 2))

    @tf.custom_gradient
    def apply(*arguments):
        # Without this an eager tape would look for a gradient inside `forward`, too.
        x, w, u, b = map(tf.stop_gradient, arguments)
        outputs, kept = forward(x, w, u, b)

        def gradient(dy):
            found = backward(x, u, kept, dy)
            if is_projected:
                return found, None, None, None
            return backward_input(x, w, found[0]), *found[1:]

        return outputs, gradient

    return apply


def scan(step, state, inputs, n_kept, reverse=False):
    """Run `step(state, now) -> (state, kept)` over inputs (T, ...) and stack `kept`."""
    steps = tf.shape(inputs[0])[0]
    arrays = [tf.TensorArray(inputs[0].dtype, steps) for _ in range(n_kept)]

    def body(k, state, arrays):
        t = steps - 1 - k if reverse else k
        state, kept = step(state, [series[t] for series in inputs])
        arrays = [a.write(t, one) for a, one in zip(arrays, kept, strict=True)]
        return k + 1, state, arrays

    begin, ends = (0, state, arrays), {"maximum_iterations": steps}
    *_, arrays = tf.while_loop(lambda k, *_: k < steps, body, begin, **ends)
    return [array.stack() for array in arrays]


def delay(series):
    """Put zeros before all but the last of a series (T, n, B)."""
    return tf.concat([tf.zeros_like(series[:1]), series[:-1]], axis=0)


def join_steps(series):
    """Lay a series (T, n, B) out as one matrix (n, TB)."""
    return tf.reshape(tf.transpose(series, (1, 0, 2)), (tf.shape(series)[1], -1))
