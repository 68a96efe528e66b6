"""The closed form: against known answers, other ways to them, and unseen animals."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import data
import models
import train_reg
from features import sequences
from runs import predict, store
from system import storage
from system.terminal import Problem
from training import motion

HOUSE = Path(__file__).parents[2]
T, F = 8, 6


def draw_study(n_animals=12, n_clips=4, noise=0.3, shared=0.0, seed=0, kind=0):
    """Statistics, scores and animals; the score depends on the second of a kind."""
    random = np.random.default_rng(seed)
    animals = np.repeat([f"g{i:02d}" for i in range(n_animals)], n_clips)
    statistics = random.normal(size=(len(animals), 4 * F))
    scores = (
        3 + 2 * statistics[:, kind * F + 1] + noise * random.normal(size=len(animals))
    )
    return (
        statistics,
        scores + shared * np.repeat(random.normal(size=n_animals), n_clips),
        animals,
    )


def make_clips(n_frames):
    return np.random.default_rng(0).random((3, n_frames, F), np.float32)


def test_movement_is_what_its_formulas_say():
    """Mean, change, jerk and trend of the roots, from a clip done by hand."""
    sequence = np.array([[0, 1], [4, 1], [1, 1], [9, 1]], np.float32)  # roots 0 2 1 3
    found = models.summarise_movement(sequence[None]).reshape(4, 2)
    expected = [[1.5, 1], [5 / 3, 0], [3, 0], [0.8, 0]]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_fit_solves_the_equations_of_generalised_least_squares(monkeypatch):
    """The same from the penalised normal equations, written out."""
    statistics, scores, animals = draw_study(n_animals=6)
    monkeypatch.setattr(motion, "choose_variances", lambda *_: np.array([2.0, 0.5]))
    weights, bias, choice = motion.fit(statistics, scores, animals)
    mean, scale = motion.measure_scales(statistics)
    rows = (statistics - mean) / scale
    same = animals[:, None] == animals
    rho = choice["correlation"]
    errors = np.eye(len(scores)) + rho / (1 - rho) * same
    inverse = np.linalg.inv(errors)
    ridge = np.diag([*np.repeat([1 / 0.5, 1 / 2, 1 / 2, 1 / 0.5], F), 0])
    full = np.column_stack([rows, np.ones(len(rows))])
    solved = np.linalg.solve(full.T @ inverse @ full + ridge, full.T @ inverse @ scores)
    np.testing.assert_allclose(weights * scale, solved[:-1], rtol=1e-6)
    assert bias == pytest.approx(solved[-1] - weights @ mean)
    assert list(choice["shares"].values()) == pytest.approx([0.8, 0.2])
    hat = full @ np.linalg.solve(full.T @ inverse @ full + ridge, full.T @ inverse)
    degrees = np.trace(hat) - 1  # the bias has the last one
    assert sum(choice["degrees"].values()) == pytest.approx(degrees, abs=1)


def test_variances_have_the_highest_restricted_likelihood():
    """Against the density of contrasts that no bias moves, on a grid."""
    random = np.random.default_rng(2)
    rows = random.normal(size=(2, 30, 5))
    scores = rows[0] @ random.normal(size=5) + random.normal(size=30)
    kernels, constant = rows @ rows.transpose(0, 2, 1), np.ones(30)
    contrasts = np.linalg.svd(constant[None])[2][1:]  # (29, 30)

    def likelihood(variances):
        spread = np.einsum("b,bij->ij", variances, kernels) + np.eye(30)
        spread, left = contrasts @ spread @ contrasts.T, contrasts @ scores
        spread *= left @ np.linalg.solve(spread, left) / len(left)
        return stats.multivariate_normal(cov=spread).logpdf(left)

    found = motion.choose_variances(kernels, scores, constant)
    grid = np.logspace(-4, 3, 36)
    best = max(likelihood((a, b)) for a in grid for b in grid)
    assert likelihood(found) >= best - 1e-3
    assert found[0] > 0.1 and found[1] < 0.1 * found[0]


def test_whitened_errors_of_one_animal_are_independent():
    animals = ["a", "a", "a", "b", "c", "c"]
    matrix = motion.whiten_animals(animals, 0.4)
    same = np.equal.outer(animals, animals)
    errors = 0.6 * np.eye(6) + 0.4 * same
    np.testing.assert_allclose(matrix @ errors @ matrix.T, 0.6 * np.eye(6), atol=1e-9)
    np.testing.assert_allclose(motion.whiten_animals(animals, 0.0), np.eye(6))


def test_animals_whose_clips_share_a_score_are_compared_with_each_other():
    _, scores, animals = draw_study()
    lesion = np.repeat([1.0, 2, 3, 4] * 3, 4)
    assert motion.choose_correlation(lesion, animals) == 0
    assert motion.choose_correlation(scores, np.arange(len(scores))) == 0
    assert 0.4 < motion.choose_correlation(scores, animals) <= 0.5


def test_comparing_within_animals_helps_where_animals_differ_otherwise():
    """What the animals share is no movement and must not be learned."""
    errors = []
    for seed in range(8):
        statistics, scores, animals = draw_study(shared=4.0, noise=0.5, seed=seed)
        fresh, expected, _ = draw_study(noise=0, seed=99)
        by_animal, _, _ = motion.fit(statistics, scores, animals)
        each, _, _ = motion.fit(statistics, scores, np.arange(len(scores)))
        errors.append(
            [np.corrcoef(fresh @ w, expected)[0, 1] for w in (by_animal, each)]
        )
    assert np.mean(errors, axis=0)[0] > np.mean(errors, axis=0)[1]


def test_a_clip_is_predicted_without_its_animal():
    statistics, scores, animals = draw_study(n_animals=4)
    changed = np.where(animals == "g02", 50.0, scores)
    first, second = (
        motion.cross_validate(statistics, each, animals)[0]
        for each in (scores, changed)
    )
    own = animals == "g02"
    np.testing.assert_allclose(first[own], second[own])
    assert not np.allclose(first[~own], second[~own])


def test_features_that_hardly_vary_are_spared():
    statistics = np.random.default_rng(0).normal(size=(9, 12))
    statistics[:, 0] *= 1e-6
    statistics[:, 5] = 7
    mean, scale = motion.measure_scales(statistics)
    spread = statistics.std(axis=0)
    assert scale[0] / scale[1] == pytest.approx(0.1 * spread[1:3].min() / spread[1])
    rows = (statistics - mean) / scale
    lengths = (rows.reshape(9, 4, 3) ** 2).sum(axis=2).mean(axis=0)
    np.testing.assert_allclose(lengths, 1)
    np.testing.assert_allclose(mean, statistics.mean(axis=0))


# ---------------------------------------------------------------- runs


def make_folder(folder, n_animals=9, n_clips=3):
    """Write sequences whose jitter tells the score, and whose mean tells nothing."""
    random = np.random.default_rng(0)
    rows = []
    for animal in range(n_animals):
        for number in range(n_clips):
            name = f"v_RatStrokeMay2_g{animal:02d}_c{number:02d}"
            score = animal % 4 + 0.5 * number
            jitter = random.choice([-1, 1], (T, F)) * (0.2 + score / 8)
            level = random.uniform(3, 5, F) - jitter.mean(axis=0)
            sequences.write_sequence(folder, name, level + jitter, "movement")
            rows.append(f"{'test' if animal > 6 else 'train'},Reach,{name},{T},{score}")
    (folder / "data_file.csv").write_text("\n".join(rows))
    record = {"weights": "random", "sha256": "0", "sampling": "stride"}
    record |= {"n_frames": T, "frame_size": 299, "precision": "float32"}
    sequences.write_extraction(folder, record)
    return folder


def score_clips(folder, run, control=None):
    networks, run = store.read_run(storage.checkpoint_path(folder, run))
    clips = [clip for clip in data.read_clips(folder) if clip.split == "test"]
    names = [clip.name for clip in clips]
    scores = predict.score_sequences(
        networks, predict.read_sequences(folder, names, run, control)
    )
    return scores, np.array([clip.score for clip in clips])


def test_a_run_reads_movement_and_learns_from_all_train_rows(tmp_path, capsys):
    make_folder(tmp_path)
    train_reg.main(["--data", str(tmp_path), "--model", "motion"])
    record = storage.read_json(
        storage.checkpoint_path(tmp_path, "Reach-motion").with_suffix(".json")
    )
    assert len(record["train_clips"]) == 21 and record["validation_clips"] == {}
    choice = record["choice"]
    low, high = choice["ranges"]["amount of movement"]
    assert 0.5 < low <= high <= 1 and choice["shares"]["amount of movement"] > 0.5
    assert record["options"]["reads"] == "movement" and record["n_features"] == F
    told = capsys.readouterr().out
    assert "(its animals held out in turn)" in told and "amount of movement" in told
    assert "7 animals are too few to tell them apart" in told
    assert f"{sum(choice['degrees'].values()):.1f} effective degrees of freedom" in told
    scores, expert = score_clips(tmp_path, "Reach-motion")
    assert np.corrcoef(scores, expert)[0, 1] > 0.8
    still, _ = score_clips(tmp_path, "Reach-motion", "first-frame")
    assert np.ptp(still) < 0.5 * np.ptp(scores)


def test_no_network_library_is_loaded(tmp_path):
    make_folder(tmp_path)
    code = (
        "import sys, train_reg, validate, explain\n"
        "from reports import style\n"
        "sys.path.append('tests')\n"
        "from builders import save_blank\n"
        "style.save = save_blank\n"
        "data = ['--data', sys.argv[1]]\n"
        "train_reg.main([*data, '--model', 'motion', '--folds', '3', '--final'])\n"
        "validate.main(data)\n"
        "explain.main([*data, '--no-places'])\n"
        "assert not {'keras', 'tensorflow', 'h5py'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], cwd=HOUSE, check=True)
    assert (tmp_path / "figures" / "Reach-motion" / "index.html").is_file()


def test_what_cannot_be_learned_is_said(tmp_path):
    make_folder(tmp_path)
    name = "v_RatStrokeMay2_g00_c00"
    sequences.write_sequence(tmp_path, name, np.full((T, F), -1.0), "movement")
    train = ["--data", str(tmp_path), "--model", "motion"]
    with pytest.raises(Problem, match=f"{name} has features below 0"):
        train_reg.main(train)
    table = tmp_path / "data_file.csv"
    lines = [line.rsplit(",", 1)[0] + ",2" for line in table.read_text().splitlines()]
    table.write_text("\n".join(lines))
    make = np.full((T, F), 1.0)
    sequences.write_sequence(tmp_path, name, make, "movement")
    with pytest.raises(Problem, match=r"all 21 clips .* score 2"):
        train_reg.main(train)


def test_scores_stay_on_the_scale_that_was_learned(tmp_path):
    """However far a clip moves; before the cut the score goes on in a straight line."""
    make_folder(tmp_path)
    train_reg.main(["--data", str(tmp_path), "--model", "motion"])
    (model,), run = store.read_run(storage.checkpoint_path(tmp_path, "Reach-motion"))
    highest = max(run.train_clips.values())
    wild = np.abs(np.random.default_rng(1).normal(0, 50, (4, T, F)))
    still = np.full((1, T, F), 4.0)
    sequences = np.concatenate([wild, still]).astype(np.float32)
    scores = model.predict_on_batch(sequences)[:, 0]
    assert scores[:4].max() == highest and scores.min() >= 0
    straight = model.compute_value(sequences)
    np.testing.assert_allclose(scores, np.clip(straight[:, 0], 0, highest), atol=1e-4)
    assert np.max(straight) > highest + 1
