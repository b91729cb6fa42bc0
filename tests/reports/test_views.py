"""What reports and the command line ask of a record."""

import pytest

from harness.record import limits, transcript, values, views, visible, words
from qkd.run.v1 import run_record_pb2 as pb
from tests.reports import records


def test_failures_come_with_requirement_case_and_exchange() -> None:
    found = views.failures(records.realistic())
    assert [entry.requirement.id for entry in found] == ["ETSI014-5.4-R2", "ETSI014-5.4-R2", "ETSI014-6.2-R4"]
    assert found[0].requirement.clause == "5.4"
    assert found[0].exchange is not None
    assert found[0].exchange.caller == "sae-3"


def test_deviations_are_gathered_by_requirement_and_case() -> None:
    groups = views.by_requirement(views.failures(records.realistic()))
    assert [(group.requirement.id, len(group.deviations)) for group in groups] == [
        ("ETSI014-5.4-R2", 2),
        ("ETSI014-6.2-R4", 1),
    ]
    [(case, deviations)] = groups[0].by_case
    assert (case.id, len(deviations)) == ("014.fetch.foreign-sae", 2)


def test_a_failed_case_without_a_finding_is_a_failure_all_the_same() -> None:
    case = pb.Case(id="a.b", suite="s", verdict=pb.VERDICT_FAIL, verdict_reason="it broke")
    [found] = views.failures(pb.RunRecord(cases=[case]))
    assert found.finding.got == "it broke"
    assert found.exchange is None


def test_a_requirement_that_the_register_lacks_keeps_its_id() -> None:
    case = pb.Case(id="a.b", suite="s", findings=[pb.Finding(requirement_id="X", grade=pb.GRADE_WARNING, exchange=9)])
    [found] = views.warnings(pb.RunRecord(cases=[case]))
    assert (found.requirement.id, found.exchange) == ("X", None)


def test_grades_are_kept_apart() -> None:
    record = records.realistic()
    assert [entry.finding.requirement_id for entry in views.warnings(record)] == ["ETSI014-5.4-R6"]
    assert [entry.finding.requirement_id for entry in views.observations(record)] == ["ETSI014-A7"]


def test_what_did_not_run_is_grouped_by_reason_and_led_by_what_was_meant_to() -> None:
    groups = views.not_run(records.realistic())
    assert [words.selection(group.selection) for group in groups] == ["not reached", "disabled", "not applicable"]


def test_a_case_without_verdict_counts_as_not_reached_unless_decided_otherwise() -> None:
    [group] = views.not_run(pb.RunRecord(cases=[pb.Case(selection=pb.SELECTION_SELECTED), pb.Case()]))
    assert (group.selection, len(group.cases)) == (pb.SELECTION_NOT_REACHED, 2)


def test_open_points_tell_the_behaviour_whether_or_not_it_is_as_read() -> None:
    points = {point.requirement.id: point for point in views.open_points(records.realistic())}
    assert points["ETSI014-5.1-R4"].seen[0].held
    assert points["ETSI014-A7"].seen[0].got == "503 'too many'"
    assert "ETSI014-5.4-R2" not in points


def test_the_same_behaviour_seen_by_two_cases_is_told_once() -> None:
    finding = pb.Finding(requirement_id="R", held=True, expected="a", got="b")
    record = pb.RunRecord(
        requirements=[pb.Requirement(id="R", suite="s", standing="open")],
        cases=[pb.Case(id=name, suite="s", findings=[finding, finding]) for name in ("x", "y")],
    )
    [point] = views.open_points(record)
    [seen] = point.seen
    assert [case.id for case in seen.cases] == ["x", "y"]


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (pb.OUTCOME_CONFORMANT, 0),
        (pb.OUTCOME_NOT_CONFORMANT, 1),
        (pb.OUTCOME_INCONCLUSIVE, 1),
        (pb.OUTCOME_HARNESS_ERROR, 3),
        (pb.OUTCOME_UNSPECIFIED, 3),
        (99, 3),
    ],
)
def test_only_a_conformant_run_exits_with_0(outcome: pb.Outcome.ValueType, code: int) -> None:
    assert views.exit_code(pb.RunRecord(summary=pb.Summary(outcome=outcome))) == code


def test_the_numbers_in_one_line() -> None:
    assert views.tally(records.realistic()) == (
        "16 of 19 cases ran: 13 pass, 2 fail, 1 inconclusive, 1 warning;"
        " 3 not run (1 not reached, 1 disabled, 1 not applicable)"
    )
    assert views.tally(records.conformant()) == "11 of 11 cases ran: 11 pass, 0 fail"
    assert views.tally(records.nothing_ran()).endswith("19 not run (19 disabled: not named by --select)")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (records.realistic, "2 requirements are broken, seen in 2 of the 16 test cases that ran."),
        (records.conformant, "All 11 test cases that were selected passed, weighed by the profile “published”."),
        (records.nothing_ran, "No test case ran, so nothing is shown about the implementation."),
        (records.empty, "The campaign never came to an outcome, so nothing is shown about the implementation."),
        (
            records.trouble,
            "The harness itself failed outside of any case, so there is no verdict about the implementation.",
        ),
        (
            records.faulty,
            (
                "The harness itself failed in 1 case, so there is no verdict about the implementation."
                " 2 cases failed all the same."
            ),
        ),
    ],
)
def test_the_outcome_in_one_sentence(make: records.Make, sentence: str) -> None:
    assert views.meaning(make()) == sentence


def test_what_was_not_decided_is_named_when_nothing_broke() -> None:
    record = records.realistic()
    records.keep(record, lambda case: case.verdict != pb.VERDICT_FAIL)
    expected = "1 case could not decide and 1 case did not get to run: conformance is not shown."
    assert views.meaning(record) == f"Nothing broken was seen, but {expected}"


def test_what_became_of_a_case_in_one_sentence() -> None:
    sentences = {case.id: views.sentence(case) for case in records.faulty().cases}
    assert sentences["014.status.members"] == "pass"
    assert sentences["014.multicast.same-bytes"] == "disabled: not given in the target: third"
    case = pb.Case(verdict=pb.VERDICT_FAIL, verdict_reason="wrong", selection_reason="no keys left")
    assert views.sentence(case) == "fail: wrong; cut short: no keys left"


def test_limits_name_what_the_result_rests_on() -> None:
    told = " ".join(limits.limits(records.realistic()))
    for part in ("1 case was meant to run", "1 case was switched off", "1 cannot be tested from outside",
                 "2 rest on the maker’s word and 1 rests on an assumption", "Bindings looked at: grpc, https.",
                 "1 warning: no non-conformity"):  # fmt: skip
        assert part in told
    assert limits.limits(records.empty()) == ()


def test_every_value_of_every_enumeration_has_a_word() -> None:
    assert [words.verdict(value) for value in pb.Verdict.values()] == ["none", "pass", "inconclusive", "fail", "error"]
    assert words.disposition(pb.DISPOSITION_UNSPECIFIED) == ""
    assert [words.requirement_outcome(value) for value in pb.RequirementOutcome.values()][-1] == "not testable"
    assert words.outcome(pb.OUTCOME_UNSPECIFIED) == "NO OUTCOME"
    assert words.grade(pb.Grade.ValueType(77)) == "unknown (77)"


def test_deceptive_characters_become_escapes_and_the_rest_stays() -> None:
    assert visible.visible("a\x00\x1b[31m\u202e\ufeff\r\n\tb\rc") == "a\\x00\\x1b[31m\\u202e\\ufeff\n\tb\\x0dc"
    assert visible.visible("é 鍵 👩‍🚀 שלום") == "é 鍵 👩‍🚀 שלום"
    assert visible.one_line("a\n  b\x07", 100) == "a b\\x07"
    assert visible.one_line("abcdef", 4) == "abc…"
    assert visible.cut("abcdef", 4) == "abcd\n[… 2 characters more in the run record]"


def test_an_exchange_as_text() -> None:
    exchange = pb.Exchange(
        request="GET /x", status=400, request_headers={"b": "2", "a": "1"}, response_body="no\x07\nway"
    )
    assert transcript.transcript(exchange) == (
        "> GET /x as nobody (no certificate)\n> a: 1\n> b: 2\n< 400\n<\n< no\\x07\n< way"
    )
    assert transcript.received(pb.Exchange(failure="timeout")) == "no answer: timeout"


def test_free_values_read_as_people_write_them() -> None:
    record = records.realistic()
    texts = {claim.name: values.text_of(claim.value) for claim in record.target.ics}
    assert texts == {"multicast": "true", "key_size": "256", "odd_sizes": "false", "get_verb": "true",
                     "extensions": '["acme_route"]'}  # fmt: skip
    assert ("kme[1].id", "kme-b") in values.leaves(record.target.ixit)
    assert ("key_budget", "400") in values.leaves(record.target.ixit)
