"""Keras and TensorFlow, imported quietly, with the settings that decide numbers.

Nothing else imports them: `from system.backend import keras, tf`. That takes some
seconds, so it is done where a network is needed; `backend.keras` waits for its use.
"""

import contextlib
import logging
import os
import sys

UNUSED = ("IPython", "matplotlib", "pandas", "scipy", "sklearn")


@contextlib.contextmanager
def quietly():
    """Hold back what native libraries write to stderr while they start.

    TensorFlow logs from C++ before any Python setting reaches it, so the file
    descriptor itself is turned away for as long as the import takes.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever ~/.keras/keras.json says
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow takes oneDNN by itself on the newest processors only. It is faster on
    # older ones too, and makes a frame's features the same to the last bit wherever
    # the frame stands in a batch and however many threads there are.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # advice for developers
    try:
        kept = os.dup(2)
    except OSError:  # closed, or a program without a console: nothing to hold back
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    if sys.stderr:
        sys.stderr.flush()
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def sparing():
    """Hide packages that Keras and TensorFlow load, for a third of their import's time.

    They are there again once that is done.
    """
    hidden = [name for name in UNUSED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def __getattr__(name):
    """Import both where one of them is first asked for."""
    if name not in ("keras", "tf"):
        raise AttributeError(name)
    with quietly(), sparing():
        import keras
        import tensorflow as tf

    keras.config.set_floatx("float32")  # which that file may say otherwise, too
    keras.config.set_image_data_format("channels_last")
    keras.config.set_epsilon(1e-7)
    globals().update(keras=keras, tf=tf)
    return globals()[name]
