"""The verdict of a run's last validation, where it is of these very networks."""

from builders import make_run, write_json

from evaluation import questions
from runs.record import Errors, Network, Scheme

FOUND = {"label": "NO BETTER THAN THE MEAN", "than": "", "verdict": ["On 9 animals."]}


def test_the_last_validation_of_these_networks_is_read(tmp_path):
    errors = Errors([Network("Reach-fold1", "one", 1.0)])
    scheme = Scheme("final", prefix="Reach", of="folds")
    run = make_run(name="Reach", sha256="all", errors=errors, scheme=scheme)
    path = tmp_path / "predictions" / "Reach-folds.json"
    path.parent.mkdir()
    assert questions.read_validation(tmp_path, run) is None
    for record, is_read in (
        (FOUND | {"run_record": {"sha256": "one"}, "split": "folds"}, True),
        (FOUND | {"run_record": {"sha256": "trained since"}}, False),
        ({"run_record": {"sha256": "one"}}, False),  # of an earlier release
        ({"label": FOUND["label"]}, False),
        (FOUND | {"run_record": None}, False),
        (FOUND | {"run_record": {"sha256": ["one"]}}, False),
        (FOUND | {"run_record": {"sha256": "one"}, "verdict": None}, False),
    ):
        write_json(path, record)
        assert questions.read_validation(tmp_path, run) == (FOUND if is_read else None)
    for damaged in ("", "[]", "{", '{"label": 1'):
        path.write_text(damaged)
        assert questions.read_validation(tmp_path, run) is None
