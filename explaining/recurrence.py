"""The recurrence of an LSTM whose input is projected already, and its gradient.

Integrated gradients need the gradient of the input alone, hundreds of times. The LSTM
of Keras under TensorFlow multiplies its input anew in every step and computes the
gradients of all weights; leaving both out makes a full-size network several times as
fast.
"""

from backend import tf


def step_cell(z, cell, activation, gate):
    """Advance one frame: gates (B, 4U) and cell (B, U) -> hidden state and cell."""
    i, f, g, o = tf.split(z, 4, axis=1)  # the order in which Keras keeps them
    cell = gate(f) * cell + gate(i) * activation(g)
    return gate(o) * activation(cell), cell


def run_lstm(projected, recurrent, bias, activation, gate):
    """Run an LSTM over sequences.

    Parameters
    ----------
    projected : float32 tensor, (B, T, 4U)
        Input times kernel.
    recurrent : float32 tensor, (U, 4U)
    bias : float32 tensor, (4U,)
    activation, gate : callable

    Returns
    -------
    float32 tensor, (B, T, U)
        Hidden states; differentiable with respect to `projected` alone.
    """
    n_frames, units = projected.shape[1], recurrent.shape[0]

    def open_arrays(*widths):
        return [
            tf.TensorArray(tf.float32, n_frames, element_shape=(None, width))
            for width in widths
        ]

    def run_forward(inputs):  # (T, B, 4U)
        def advance(t, hidden, cell, zs, cells, states):
            z = inputs[t] + tf.matmul(hidden, recurrent) + bias
            hidden, after = step_cell(z, cell, activation, gate)
            return (
                *(t + 1, hidden, after),
                *(zs.write(t, z), cells.write(t, cell), states.write(t, hidden)),
            )

        rest = tf.zeros((tf.shape(inputs)[1], units))
        _, _, _, *arrays = tf.while_loop(
            lambda t, *_: t < n_frames,
            advance,
            (0, rest, rest, *open_arrays(4 * units, units, units)),
        )
        return [array.stack() for array in arrays]

    def run_backward(zs, cells, upstream):  # (T, B, ...)
        transposed = tf.transpose(recurrent)  # once; a product would do it each step

        def retreat(t, d_hidden, d_cell, gradients):
            z, cell = zs[t], cells[t]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch((z, cell))
                after = step_cell(z, cell, activation, gate)
            d_z, d_cell = tape.gradient(
                after, (z, cell), output_gradients=(d_hidden + upstream[t], d_cell)
            )
            d_hidden = tf.matmul(d_z, transposed)
            return t - 1, d_hidden, d_cell, gradients.write(t, d_z)

        rest = tf.zeros_like(cells[0])
        *_, gradients = tf.while_loop(
            lambda t, *_: t >= 0,
            retreat,
            (n_frames - 1, rest, rest, *open_arrays(4 * units)),
        )
        return gradients.stack()

    @tf.custom_gradient
    def recur(projected):
        zs, cells, states = run_forward(tf.transpose(projected, (1, 0, 2)))

        def grad(upstream):
            gradients = run_backward(zs, cells, tf.transpose(upstream, (1, 0, 2)))
            return tf.transpose(gradients, (1, 0, 2))

        return tf.transpose(states, (1, 0, 2)), grad

    return recur(projected)
