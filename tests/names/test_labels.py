"""Names of groups that are spelled in two ways, and those that only look alike."""

import pytest

from names.labels import form_of


@pytest.mark.parametrize(
    "groups",
    [
        "Sham | sham | SHAM. | shams",
        "CTRL_1 | ctrl1 | Ctrl-1",
        "6-OHDA | 6OHDA | 6_ohda | 6 OHDA",
        "lesion + drug | lesion+drug",
        "sham-op | Sham op | sham_op",
        "1.0 mg | 1 mg | 1mg",
        "KO 1-2 | KO1_2 | ko 1 2",
    ],
)
def test_spellings_of_one_group_have_one_form(groups):
    assert len({*map(form_of, groups.split(" | "))}) == 1


@pytest.mark.parametrize(
    "groups",
    [
        "0.1 mg | 1.0 mg | 10 mg | 0.01 mg",
        "1.5 mg | 15 mg | 1.05 mg",
        "KO1.1 | KO11 | KO1-1",
        "1-2 | 12 | 1.2",
        "Nf1 +/+ | Nf1 +/−",
    ],
)
def test_groups_of_other_numbers_have_other_forms(groups):
    groups = groups.split(" | ")
    assert len({*map(form_of, groups)}) == len(groups)
