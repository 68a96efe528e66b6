"""Extractions in this process, without InceptionV3."""

import warnings

import extract_features
from system.terminal import Caution

N_FRAMES = 3


def call(folder, *argv):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Caution)
        return extract_features.main(
            ["--data", str(folder), "--seq-length", str(N_FRAMES), *argv]
        )
