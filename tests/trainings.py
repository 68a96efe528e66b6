"""Small trainings on drawn sequences, of the network that is compiled soonest."""

import numpy as np

import train_reg
from features import sequences

N_FRAMES, N_FEATURES = 6, 12
SMALL = ["--model", "pool", "--learning-rate", "0.01", "--epochs", "6"]
SMALL += ["--units", "8", "--patience", "3"]


def make_folder(folder, n_animals=8, n_clips=3, extraction=True):
    """Write sequences whose mean tells the score, and the table of their clips."""
    random = np.random.default_rng(0)
    rows = []
    for animal in range(n_animals):
        group = "Control" if animal % 2 else "Stroke"
        for number in range(n_clips):
            name = f"v_Rat{group}May2_g{animal:02d}_c{number:02d}"
            score = animal % 4 + 0.5 * number
            sequence = random.random((N_FRAMES, N_FEATURES)) + score / 3
            sequences.write_sequence(folder, name, sequence)
            split = "test" if animal >= n_animals - 2 else "train"
            rows.append(f"{split},Reach,{name},{N_FRAMES},{score}")
    (folder / "data_file.csv").write_text("\n".join(rows))
    if extraction:
        record = {"weights": "random", "sha256": "0", "sampling": "stride"}
        record |= {"n_frames": N_FRAMES, "frame_size": 299, "precision": "float32"}
        sequences.write_extraction(folder, record)
    return folder


def train(folder, *options):
    return train_reg.main(["--data", str(folder), *SMALL, *options])
