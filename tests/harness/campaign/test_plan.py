"""The plan: four kinds of selection, and a key budget that holds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.campaign.case import CaseSpec, case, spec_of
from harness.campaign.ics import Claim, Ics, Origin
from harness.campaign.plan import Allowance, Plan, Selection, make_plan

ICS = Ics((Claim("multicast", False, Origin.CLAIMED), Claim("max_key_per_request", 8, Origin.DISCOVERED)))


def _spec(name: str, **members: Any) -> CaseSpec:
    return CaseSpec(id=f"x.{name}", verifies=(f"R-{name}",), purpose="does it", **members)


def _decisions(plan: Plan) -> dict[str, str]:
    return {entry.id: entry.selection.value for entry in plan.cases}


def test_what_is_not_run_says_which_of_the_reasons_it_is() -> None:
    specs = [
        _spec("plain"),
        _spec("multicast", ics={"multicast": True}),
        _spec("applies", applies=lambda ics: "eight is too few" if ics["max_key_per_request"] == 8 else ""),
        _spec("third", needs=frozenset({"third"})),
        _spec("drains", drains=True),
        _spec("disturbs", disturbs=True),
        _spec("dear", draws=lambda ics: 100 * ics.number("max_key_per_request", 1)),
    ]
    plan = make_plan(specs, ICS, Allowance(key_budget=20))
    assert _decisions(plan) == {
        "x.plain": "selected",
        "x.multicast": "not_applicable",
        "x.applies": "not_applicable",
        "x.third": "disabled",
        "x.drains": "disabled",
        "x.disturbs": "disabled",
        "x.dear": "not_reached",
    }
    assert all(entry.reason for entry in plan.cases if entry.selection is not Selection.SELECTED)
    assert "eight is too few" in plan.cases[2].reason
    assert "third" in plan.cases[3].reason
    assert "800" in plan.cases[6].reason


@pytest.mark.parametrize("pattern", ["x.one", "R-one", "x.o*", "R-o?e"])
def test_select_takes_case_and_requirement_ids_and_globs(pattern: str) -> None:
    plan = make_plan([_spec("one"), _spec("two")], ICS, Allowance(), select=[pattern])
    assert _decisions(plan) == {"x.one": "selected", "x.two": "disabled"}


def test_a_case_runs_over_each_binding_that_both_sides_offer() -> None:
    both = _spec("both", bindings=("https", "grpc"))
    plan = make_plan([both, _spec("one")], ICS, Allowance(), bindings=("https", "grpc"))
    assert [entry.id for entry in plan.cases] == ["x.both", "x.both@grpc", "x.one"]
    only = make_plan([both], ICS, Allowance(), bindings=("https", "grpc"), select=["x.both@grpc"])
    assert [entry.id for entry in only.selected] == ["x.both@grpc"]


def test_shared_keys_are_counted_once_and_a_risk_must_fit_beside_what_is_spent_by_then() -> None:
    specs = [_spec("risky", at_risk=90), _spec("a", draws=10, shares=5), _spec("b", shares=8)]
    plan = make_plan(specs, ICS, Allowance(key_budget=50))
    assert _decisions(plan) == {"x.risky": "not_reached", "x.a": "selected", "x.b": "selected"}
    assert (plan.draws, plan.at_risk, plan.shared) == (18, 0, 8)


@given(
    costs=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30)), max_size=12),
    budget=st.integers(0, 120),
)
def test_a_plan_never_exceeds_its_budget(costs: list[tuple[int, int, int]], budget: int) -> None:
    specs = [_spec(f"c{i}", draws=d, at_risk=r, shares=s) for i, (d, r, s) in enumerate(costs)]
    plan = make_plan(specs, ICS, Allowance(key_budget=budget))
    assert plan.draws <= budget
    drawn = 0
    for entry in plan.selected:
        drawn += entry.draws
        assert drawn + entry.at_risk <= budget
    assert len(plan.cases) == len(specs)
    roomy = make_plan(specs, ICS, Allowance(key_budget=plan.draws + plan.at_risk + 1000))
    assert len(roomy.selected) == len(specs)


def test_the_decorator_refuses_a_case_that_says_too_little() -> None:
    def purposeless() -> None: ...

    with pytest.raises(ValueError, match="purpose"):
        case("x.y", "R-1")(purposeless)
    with pytest.raises(ValueError, match="no requirement"):
        case("x.y")
    with pytest.raises(ValueError, match="case id"):
        case("Not An Id", "R-1")

    @case("x.y", "R-1", draws=2, needs=("third",))
    def complete() -> None:
        """Does
        it."""

    spec = spec_of(complete)
    assert spec is not None
    assert (spec.purpose, spec.draws, spec.needs) == ("Does it.", 2, frozenset({"third"}))
