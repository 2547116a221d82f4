"""What a host says about second factors is checked before it is used."""

import pytest

from user_sessions.requirements import Requirement
from user_sessions.second_factors import FactorKind, SecondFactor

PAGER = SecondFactor(FactorKind.TOTP, lambda code: code == "1")


@pytest.mark.parametrize("kind", [None, "totp", "pager", 1, FactorKind])
def test_a_second_factor_needs_a_kind(kind):
    with pytest.raises(ValueError, match="takes a FactorKind"):
        SecondFactor(kind, lambda code: True)


@pytest.mark.parametrize("check", [None, "123456", True, "path.to.check"])
def test_a_second_factor_needs_a_function(check):
    with pytest.raises(ValueError, match="a function of one argument"):
        SecondFactor(FactorKind.TOTP, check)


@pytest.mark.parametrize(
    "given",
    [
        {"refusal": True},
        {"refusal": ["no"]},
        {"second_factors": PAGER},
        {"second_factors": ["totp"]},
        {"second_factors": None},
        {"second_factors": {PAGER: 1}},
        {"tasks": "setup"},
        {"tasks": [1]},
        {"tasks": [""]},
        {"tasks": ["x" * 201]},
        {"tasks": None},
    ],
)
def test_a_requirement_of_another_type_is_an_error(given):
    with pytest.raises(ValueError):
        Requirement(**given)


def test_a_requirement_without_arguments_requires_nothing():
    nothing = Requirement()
    assert (nothing.refusal, list(nothing.second_factors), list(nothing.tasks)) == (None, [], [])


def test_a_check_is_not_shown():
    assert "lambda" not in repr(Requirement(second_factors=[PAGER]))
