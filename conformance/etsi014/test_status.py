"""Get status (5.2) and the Status object (6.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from conformance.etsi014.messages import LISTED
from conformance.etsi014.pair import Pair, Told, same_keys, told
from harness.campaign.case import case
from harness.campaign.check import Check
from harness.wire.etsi014 import Answer

BOTH = ("https", "grpc")
TEXTS = ("source_KME_ID", "target_KME_ID", "master_SAE_ID", "slave_SAE_ID")
FIGURES = (
    "key_size", "stored_key_count", "max_key_count", "max_key_per_request", "max_key_size", "min_key_size",
    "max_SAE_ID_count",
)  # fmt: skip


def _document(answer: Answer) -> Mapping[str, object]:
    return answer.document if isinstance(answer.document, dict) else {}


def _ends(pair: Pair) -> Iterator[tuple[Pair, Answer]]:
    """Status as the master's side and as the slave's side get it."""
    for end in (pair, pair.back):
        yield end, end.master.get_status(end.slave.id)


def _figures(answer: Answer) -> dict[str, int]:
    held = _document(answer).items()
    return {name: value for name, value in held if isinstance(value, int) and not isinstance(value, bool)}


@case("014.status.served", "ETSI014-5.2-R1", bindings=BOTH)
def test_status_is_served_at_both_ends(pair: Pair, check: Check) -> None:
    """Get status for the other SAE of the pair, without a body, is answered 200 with an object, at either KME."""
    for _, answer in _ends(pair):
        good = answer.ok and isinstance(answer.document, dict)
        check("ETSI014-5.2-R1", good, expected="200 with a Status", got=answer)


@case("014.status.members", "ETSI014-6.1-R1", "ETSI014-6.1-R2", "ETSI014-6.1-R7", bindings=BOTH)
def test_status_has_its_members(pair: Pair, check: Check) -> None:
    """A Status has all members of Table 9 that are not marked as option, with the types given there."""
    for _, answer in _ends(pair):
        check.require(answer.ok and bool(_document(answer)), f"no Status to look at: {answer.describe()}")
        document = _document(answer)
        missing = [name for name in (*TEXTS, *FIGURES) if name not in document]
        check(
            "ETSI014-6.1-R1",
            not missing,
            expected="every member of Table 9 but status_extension",
            got=Told(answer, f"missing: {', '.join(missing)}" if missing else "all there"),
        )
        figures = _figures(answer)
        mistyped = [name for name in TEXTS if name in document and not isinstance(document[name], str)]
        mistyped += [name for name in FIGURES if name in document and name not in figures]
        check(
            "ETSI014-6.1-R2",
            not mistyped,
            expected="IDs are strings; sizes and counts are integers",
            got=Told(answer, f"of another type: {', '.join(mistyped)}" if mistyped else "typed as in Table 9"),
        )
        extension = document.get("status_extension", {})
        check(
            "ETSI014-6.1-R7",
            isinstance(extension, dict),
            expected="status_extension is an object or absent",
            got=Told(answer, "" if isinstance(extension, dict) else "status_extension is no object"),
        )


def _names(check: Check, requirement: str, answer: Answer, member: str, wanted: str) -> bool:
    document = _document(answer)
    if member not in document:  # its absence is judged by 014.status.members
        return check(requirement, True, expected=f"{member} = {wanted}", got=Told(answer, "absent"))
    got = Told(answer, f"{member} = {str(document[member])[:80]!r}")
    return check(requirement, document[member] == wanted, expected=f"{member} = {wanted!r}", got=got)


@case("014.status.kme-ids", "ETSI014-6.1-R3", "ETSI014-6.1-R4", bindings=BOTH)
def test_status_names_the_kmes(pair: Pair, check: Check) -> None:
    """source_KME_ID is the KME that answers and target_KME_ID the one at the other end, asked by the master."""
    answer = pair.master.get_status(pair.slave.id)
    check.require(answer.ok and bool(_document(answer)), f"no Status to look at: {answer.describe()}")
    _names(check, "ETSI014-6.1-R3", answer, "source_KME_ID", pair.master_role.kme_id)
    _names(check, "ETSI014-6.1-R4", answer, "target_KME_ID", pair.slave_role.kme_id)


@case("014.status.sae-ids", "ETSI014-6.1-R5", "ETSI014-6.1-R6", "ETSI014-A18-O1", bindings=BOTH)
def test_status_names_the_saes(pair: Pair, check: Check) -> None:
    """master_SAE_ID is the SAE that calls and slave_SAE_ID the one in the path; what the slave's side sees is noted."""
    answer = pair.master.get_status(pair.slave.id)
    check.require(answer.ok and bool(_document(answer)), f"no Status to look at: {answer.describe()}")
    _names(check, "ETSI014-6.1-R5", answer, "master_SAE_ID", pair.master.id)
    _names(check, "ETSI014-6.1-R6", answer, "slave_SAE_ID", pair.slave.id)
    back = pair.back
    seen = back.master.get_status(back.slave.id)
    wanted = {
        "source_KME_ID": back.master_role.kme_id,
        "target_KME_ID": back.slave_role.kme_id,
        "master_SAE_ID": back.master.id,
        "slave_SAE_ID": back.slave.id,
    }
    other = [name for name, value in wanted.items() if _document(seen).get(name) != value]
    got = Told(seen, f"otherwise: {', '.join(other)}" if other else "the caller's point of view")
    check("ETSI014-A18-O1", not other, expected="the caller as master_SAE_ID, KMEs from its side", got=got)


@case(
    "014.status.figures",
    "ETSI014-6.1-R8", "ETSI014-6.1-R9", "ETSI014-6.1-R10", "ETSI014-6.1-R11",
    bindings=BOTH,
)  # fmt: skip
def test_the_figures_of_status_fit_together(pair: Pair, check: Check) -> None:
    """The limits that Status states do not contradict each other."""
    for _, answer in _ends(pair):
        check.require(answer.ok and bool(_document(answer)), f"no Status to look at: {answer.describe()}")
        figures = _figures(answer)
        low, size, high = (figures.get(name) for name in ("min_key_size", "key_size", "max_key_size"))
        ascending = [value for value in (low, size, high) if value is not None]
        check(
            "ETSI014-6.1-R8",
            all(value > 0 for value in ascending) and ascending == sorted(ascending),
            expected="0 < min_key_size <= key_size <= max_key_size",
            got=Told(answer, f"{low}, {size}, {high}"),
        )
        stored, bound = figures.get("stored_key_count"), figures.get("max_key_count")
        counts = [0, *(value for value in (stored, bound) if value is not None)]
        check(
            "ETSI014-6.1-R9",
            counts == sorted(counts),
            expected="0 <= stored_key_count <= max_key_count",
            got=Told(answer, f"stored {stored}, max {bound}"),
        )
        for requirement, name, least in (
            ("ETSI014-6.1-R10", "max_key_per_request", 1),
            ("ETSI014-6.1-R11", "max_SAE_ID_count", 0),
        ):
            value = figures.get(name)
            held = value is None or value >= least
            check(requirement, held, expected=f"{name} >= {least}", got=Told(answer, f"{name} = {value}"))


@case("014.status.takes-nothing", "ETSI014-5.2-R2", draws=1, bindings=BOTH)
def test_status_takes_no_key(pair: Pair, check: Check) -> None:
    """Get status hands out no key, and a key waiting for its slave is still there after it was asked at both ends."""
    key = pair.draw_one()
    for _, answer in _ends(pair):
        check("ETSI014-5.2-R2", not answer.keys, expected="a Status without keys", got=answer)
    fetched = pair.fetch(key)
    check("ETSI014-5.2-R2", same_keys(fetched, [key]), expected="200, the key", got=told(fetched, [key]))


@case("014.status.unknown-slave", "ETSI014-A5-O1", bindings=BOTH)
def test_status_for_an_unknown_sae(pair: Pair, check: Check) -> None:
    """How Get status for an SAE that nobody knows is answered is noted."""
    answer = pair.master.get_status("qkdh-nobody-knows-me")
    check("ETSI014-A5-O1", answer.refused_with(400, 401), expected="400 or 401", got=answer)


@case("014.status.self", "ETSI014-A18-O2", bindings=BOTH)
def test_status_for_oneself(pair: Pair, check: Check) -> None:
    """How Get status with the caller's own ID in the path is answered is noted."""
    answer = pair.master.get_status(pair.master.id)
    check("ETSI014-A18-O2", answer.ok or answer.refused_with(*LISTED), expected="200, 400, 401 or 503", got=answer)


@case("014.status.stock", "ETSI014-A19-O1", draws=1, bindings=BOTH)
def test_what_stored_key_count_counts(pair: Pair, check: Check) -> None:
    """What stored_key_count does when a key is taken and fetched is noted."""
    counts = [pair.stock.count()]
    key = pair.draw_one()
    counts.append(pair.stock.count())
    pair.fetch(key)
    counts.append(pair.stock.count())
    shown = " -> ".join(str(count) for count in counts)
    fell = counts[0] is not None and counts[1] is not None and counts[1] == counts[0] - 1
    check("ETSI014-A19-O1", fell, expected="one less after one key was taken", got=f"before, taken, fetched: {shown}")
