"""Sessions in the order of time, as labels of labs tell it, or asked for."""

import itertools
import random

import pytest

from names import sessions
from system.terminal import Problem

ORDERS = """
pre | post
PRE | POST
baseline | post
BL | D3 | D7 | D14
naive | baseline | post | recovery
pre | post | washout
pre | post | later
PreLesion | PostLesion
pre-drug | post-drug | wash out
preMCAO | postMCAO
pre | post 1 | post 2 | post 10
pre 1 | pre 2 | post 1 | post 2
Day_2 | Day_10 | Day_100
D-1 | D0 | D1 | D10
day -7 | day -1 | day 3
d−2 | d3
day-1 | day-2 | day-10
day - 1 | day - 2 | day - 10
D - 3 | D 3
d.-3 | d.3
d:-3 | d:3
D/-3 | D/3
t=-1 | t=0 | t=1
[-1] | 1
post -1 | post -2
session-2 | session-10
P14 | P21 | P100
1 | 2 | 10
-1 | 0 | 3
01 | 02 | 10
pre | 3 dpi | 14 dpi
week 1 day 2 | week 1 day 7 | week 2 day 1
baseline | drug | washout
intact | lesion
vorher | nachher
Woche 2 | Woche 11
2024-05-28 | 2024-06-03
28.05.2024 | 03.06.2024
28/05/2024 | 03/06/2024
05/28/2024 | 06/03/2024
20240528 | 20240603
240528 | 240603
280524 | 030624
28.05.24 | 03.06.24
2024_05_28 | 2024_06_03
28 May 2024 | 3 June 2024
May 28, 2024 | June 3, 2024
Apl27 | May02
28 Feb | 29 Feb | 1 Mar
2024-05-28_s2 | 2024-05-28_s10 | 2024-06-03_s1
pre 28.05.2024 | post 03.06.2024
baseline | 2024-05-28 | 2024-06-03
baseline 1 | baseline 2 | day 1
day ３ | day １０
pré | post
base line | post
2023 | 2024
S2 | S10
03/04/2024 | 05/04/2024
pre | post-d3 | post-d10
bsl | D3_post | D10_post
pre | 3dpost | 10dpost
pre_d-3 | pre_d-1 | post_d1
pre-surgery | 1 week | 12 weeks
"""
UNKNOWN = """
pre day 2 | pre day 10 | post day 1
2 weeks pre | 1 week pre | 1 week post
first | second | last
acute | chronic
I | II | III | IV | IX
day 1 am | day 1 pm
28052024 | 03062024
28-May-24 | 03-Jun-23
28.05. | 03.06.
12/2023 | 01/2024
2024-W50 | 2025-W02
2024-05-28 9:30 am | 2024-05-28 2:00 pm
1.5 h | 10 h
pre | post | final
A | B
control | drug
pre | before
baseline | pre
pre | A | B
post drug | post stroke
post | D3
Mon | Fri
03/06/2024 | 04/05/2024
28/05/2024 | 05/29/2024
Mar 1 | Oct 20
Dec 20 | Jan 10
12-20 | 01-10
24h | 3d | 2 weeks
24h | <24h
T<1 | T>1
day 7 week 1 | day 2 week 2
trial 1 day 2 | trial 2 day 1
week1-pre | week1-post | week4-post
session 1 | trial 2
pre | D-1 | D3
day1-pre | day1-post | day2-pre | day2-post
washout | recovery
May 3 | 2024-05-28
1.4 | 2.3 | 3.10 | 3.9
"""


def cases(table):
    return [line.split(" | ") for line in table.strip().splitlines()]


@pytest.mark.parametrize("labels", cases(ORDERS), ids=" | ".join)
def test_labels_tell_their_order(labels):
    shuffled = labels[:]
    for _ in range(4):
        random.Random(len(shuffled[0])).shuffle(shuffled)
        assert sessions.order_sessions(shuffled) == labels
    assert sessions.order_sessions(labels[::-1]) == labels


@pytest.mark.parametrize("labels", cases(UNKNOWN), ids=" | ".join)
def test_labels_that_tell_no_order_are_asked_about(labels):
    for order in itertools.islice(itertools.permutations(labels), 6):
        with pytest.raises(Problem, match="--sessions"):
            sessions.order_sessions(order)
