"""The choice among models sees training animals only, and says how each fared."""

import numpy as np
import pytest
from test_motion import make_folder

import candidates
import data
import files
import plans
import train_reg
import validate
from console import Problem
from judging import sections

SMALL = ("--units", "4", "--epochs", "2", "--patience", "1")


def make_plan(n_animals=6, n_clips=2):
    names = [f"v_A_g{a:02d}_c{c:02d}" for a in range(n_animals) for c in range(n_clips)]
    train = {name: float(data.animal_of(name)[1:]) for name in names}
    return plans.Plan("run", train, {}, ["g99"], None, {})


def choose(monkeypatch, plan, errors):
    """Choose among models that miss by as much as `errors` say; list the trainings."""
    trainings = []

    def train(part, options, place):
        trainings.append((part, options.model))
        return options.model, {"epochs": 1, "best_epoch": 1, "val_loss": 0.0}

    def score(model, names):
        return np.array([plan.train[name] for name in names]) + errors[model]

    monkeypatch.setattr(
        candidates.scoring, "read_sequences", lambda _, names, __: names
    )
    monkeypatch.setattr(candidates.scoring, "score_sequences", score)

    def join(networks):
        return networks[0] if len(networks) == 1 else list(networks)

    monkeypatch.setattr(candidates.models, "build_ensemble", join)
    logs = files.Path("logs")
    found = candidates.train_best("", plan, plans.Options(), 5, logs, train)
    return *found, trainings


@pytest.mark.parametrize(
    ("errors", "chosen", "model"),
    [
        ({"motion": 0.5, "lstm": 0.9}, "motion", "motion"),
        ({"motion": 0.9, "lstm": 0.5}, "lstm", "lstm"),
        ({"motion": 0.9, "lstm": -0.8}, "mean of both", ["motion", "lstm"]),
    ],
)
def test_the_smallest_error_is_chosen(monkeypatch, errors, chosen, model):
    found, result, _ = choose(monkeypatch, make_plan(), errors)
    assert found == model
    assert result["choice"]["model"] == chosen
    for name, parts in candidates.CANDIDATES.items():
        missed = abs(np.mean([errors[part] for part in parts]))
        fared = result["choice"]["candidates"][name]
        assert fared["rmse"] == pytest.approx(missed) == fared["mae"]


def test_a_clip_is_foretold_by_networks_that_never_saw_its_animal(monkeypatch):
    plan = make_plan()
    *_, trainings = choose(monkeypatch, plan, {"motion": 1.0, "lstm": 2.0})
    left_out = []
    for part, kind in trainings[:-1]:
        animals = {data.animal_of(name) for name in (*part.train, *part.watched)}
        assert not animals & set(part.left_out)
        assert bool(part.watched) == (kind == "lstm")
        left_out += part.left_out if kind == "motion" else []
    assert sorted(left_out) == sorted({data.animal_of(name) for name in plan.train})
    last, kind = trainings[-1]
    assert (last.train, kind) == (plan.train, "motion")


def test_the_small_network_keeps_what_was_asked_for():
    asked = plans.Options(model="best", units=7, activation="linear")
    own = candidates.specify("lstm", asked)
    assert (own.model, own.units, own.activation) == ("lstm", 7, "linear")
    assert own.learning_rate == 1e-3 and own.standardize


def test_few_animals_are_refused_with_a_remedy(monkeypatch):
    with pytest.raises(Problem, match=r"needs 4 to train on. Received: 3\. --model m"):
        choose(monkeypatch, make_plan(3), {"motion": 1.0, "lstm": 2.0})


def test_what_suits_few_clips_is_proposed_where_nothing_was_asked_for(capsys):
    clips = [
        data.Clip("train", "Reach", f"v_A_g{n % 12:02d}_c{n:02d}", 21 + n, 1.0)
        for n in range(37)
    ]
    plans.tell_proposal(clips, plans.Options())
    told = "37 clips of 12 animals, 21 to 57 frames; what suits so few: --seq-length 20"
    assert capsys.readouterr().out == f"{told} --sampling uniform, --model best\n"
    plans.tell_proposal(clips[:3], plans.Options(n_frames=20))
    assert capsys.readouterr().out.endswith("so few: --model motion\n")
    plans.tell_proposal(clips, plans.Options(units=8))
    plans.tell_proposal(clips * 6, plans.Options(model="motion"))
    assert not capsys.readouterr().out


def test_choices_are_counted():
    fared = {"motion": {"rmse": 1.0}, "lstm": {"rmse": 2.0}}
    made = [{"model": name, "candidates": fared} for name in ("motion", "motion")]
    found = sections.count_choices([*made, None, {"penalty": 1.0}])
    assert found["motion"] == {"chosen": 2, "rmse": 1.0}
    assert found["lstm"] == {"chosen": 0, "rmse": 2.0}
    assert sections.count_choices([None]) == {}


def test_the_choice_is_made_within_each_fold(tmp_path, capsys):
    folder = make_folder(tmp_path, n_animals=8)
    where = ["--data", str(folder), "--run", "b"]
    train_reg.main([*where, "--model", "best", "--folds", "2", "--jobs", "1", *SMALL])
    assert "chose motion of motion" in capsys.readouterr().out
    validate.main([*where, "--folds"])
    shown = capsys.readouterr().out
    assert "times chosen" in shown
    result = files.read_json(files.predictions_path(folder, "b", "folds", ".json"))
    assert sum(each["chosen"] for each in result["candidates"].values()) == 2
    assert not list((folder / "logs").rglob("backup.npz"))
