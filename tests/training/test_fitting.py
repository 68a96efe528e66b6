"""When a training stops and learns more slowly, beside the callbacks of Keras."""

import types

import numpy as np
import pytest

from runs.options import Options
from system.backend import keras
from training import trainer


def follow_keras(losses, options):
    """Follow losses with Keras's callbacks: the epochs it takes, and the rates."""
    model = types.SimpleNamespace(
        stop_training=False, optimizer=types.SimpleNamespace(learning_rate=1.0)
    )
    callbacks = (
        keras.callbacks.EarlyStopping("val_loss", patience=options.patience),
        keras.callbacks.ReduceLROnPlateau(
            "val_loss",
            factor=0.5,
            patience=options.plateau_patience,
            cooldown=options.plateau_cooldown,
        ),
    )
    rates = []
    for callback in callbacks:
        callback.set_model(model)
        callback.on_train_begin()
    for epoch, loss in enumerate(losses):
        for callback in callbacks:
            callback.on_epoch_end(epoch, {"val_loss": loss})
        rates.append(model.optimizer.learning_rate)
        if model.stop_training:
            break
    return len(rates), rates


@pytest.mark.parametrize("seed", range(12))
def test_a_training_stops_and_slows_as_with_keras(seed):
    random = np.random.default_rng(seed)
    options = Options(
        patience=int(random.integers(1, 8)),
        plateau_patience=int(random.integers(1, 4)),
        plateau_cooldown=int(random.integers(0, 4)),
    )
    steps = random.choice([-0.1, -5e-5, 0, 5e-5, 0.1], 60)
    losses = np.float32(9 + np.cumsum(steps))
    rate, rates = 1.0, []
    for n in range(1, len(losses) + 1):
        stops, slows = trainer.evaluate_losses(losses[:n].tolist(), options)
        rate *= 0.5 if slows else 1
        rates.append(rate)
        if stops:
            break
    assert (len(rates), rates) == follow_keras(losses, options)
