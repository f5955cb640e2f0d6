"""Types of system parameters: what fits each, and how one that does not is told."""

import pytest

from openplatform.parameter_types import rule_of
from openplatform.records import ParameterType, SystemParam


@pytest.mark.parametrize(
    ("value_type", "good", "bad"),
    [
        ("integer", ["0", "-7", "0012", "9" * 19], ["1.0", "1e3", "+1", "٣", " 1", "9" * 20, "-", "true"]),
        ("number", ["0", "-7.25", "1e3"], [".5", "NaN", "inf", "1,5", "0x10", "- 1"]),
        ("boolean", ["true", "false"], ["True", "1", "yes", " true"]),
        ("timestamp", ["2026-02-28 23:59:59", "1772294399000"], ["2026-02-29 00:00:00", "2026-02-28", "now", "-1"]),
        ("choice", ["华东", "us"], ["US", "eu", "华东,us"]),
    ],
)
def test_what_fits_each_type(value_type: ParameterType, good: list[str], bad: list[str]) -> None:
    """Numbers and booleans as business parameters are read, times as the protocol's own timestamp."""
    choices = ("华东", "us") if value_type == "choice" else ()
    rule = rule_of(SystemParam(name="p", required=True, value_type=value_type, choices=choices))
    assert rule is not None
    fits, demand = rule
    assert [text for text in good if not fits(text)] == []
    assert [text for text in bad if fits(text)] == []
    assert demand.startswith("must be ") and len(demand) < 200


def test_text_has_no_rule_and_long_lists_a_short_demand() -> None:
    """Of fifty choices a caller reads the first ones."""
    assert rule_of(SystemParam(name="p", required=True)) is None
    rule = rule_of(
        SystemParam(name="p", required=True, value_type="choice", choices=tuple(f"choice-{n}" for n in range(50)))
    )
    assert rule is not None
    assert rule[0]("choice-49") and rule[1].startswith("must be choice-0 or choice-1 or ") and len(rule[1]) < 200
