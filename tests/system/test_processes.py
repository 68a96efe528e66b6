"""Work in processes: results and Problems come back, a death is told, none is left."""

import math
import multiprocessing
import operator
import os
import re
import time

import pytest

from system import processes, storage
from system.terminal import Problem


def list_living():
    """List what lives on: a process whose end two threads saw is listed still."""
    listed = multiprocessing.active_children()
    return [process for process in listed if storage.is_alive(process.pid)]


def test_every_task_gives_its_result():
    tasks = [(n, 2) for n in range(7)]
    assert dict(processes.run(3, operator.mul, tasks)) == {t: t[0] * 2 for t in tasks}
    assert not list_living()


def test_a_problem_is_the_result_of_its_task_alone():
    tasks = [("x{2,1}",), ("x",)]
    found = dict(processes.run(2, check_pattern, tasks))
    assert found[("x",)] == "x"
    assert isinstance(found[("x{2,1}",)], Problem)
    assert "no pattern" in str(found[("x{2,1}",)])


def check_pattern(text):
    try:
        return re.compile(text).pattern
    except Exception as error:
        raise Problem(f"no pattern: {error}") from None


def test_a_process_that_dies_is_told_in_a_sentence():
    with pytest.raises(Problem, match="died; out of memory"):
        list(processes.run(2, os._exit, [(1,), (1,)]))


def test_a_bug_is_not_taken_for_a_problem():
    with pytest.raises(ZeroDivisionError):
        list(processes.run(2, operator.truediv, [(1, 0), (1, 1)]))


def test_who_stops_does_not_wait_for_what_is_still_running():
    began = time.monotonic()
    tasks = [(0,), (math.pi * 100,)]
    for _, result in processes.run(2, time.sleep, tasks):
        assert result is None
        break
    assert time.monotonic() - began < 60
    assert not list_living()
