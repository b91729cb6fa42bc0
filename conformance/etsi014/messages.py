"""The messages that ETSI GS QKD 014 prescribes word for word (6.2, 6.4), and judgements of refusals."""

from __future__ import annotations

from typing import Final

from harness.campaign.check import Check
from harness.wire.etsi014 import Answer

M1: Final = "size shall be a multiple of 8"
M2: Final = "not all extension_mandatory parameters are supported"
M3: Final = "not all extension_mandatory request options could be met"
M4: Final = "not all extension_optional request options handled"
M5: Final = "one or more keys specified are not found on KME"

PRESCRIBED: Final = frozenset({M1, M2, M3, M4, M5})

LISTED: Final = (400, 401, 503)
"""The status codes of Tables 4, 6 and 8."""


def says(answer: Answer, message: str) -> bool:
    """400 with exactly this message, and no key."""
    return answer.refused_with(400) and answer.error_message == message


def bad_request(answer: Answer) -> bool:
    """400 with a well-formed Error, and no key."""
    return answer.refused_with(400) and not answer.error_problems()


def quoted(message: str) -> str:
    """How a finding says that a message is expected."""
    return f"400 '{message}'"


def no_key(check: Check, requirement: str, answer: Answer, why: str) -> bool:
    """Judge that no key came; ``why`` says for whom or what none should."""
    return check(requirement, not answer.keys, expected=f"no key ({why})", got=answer)


def listed_code(check: Check, requirement: str, answer: Answer) -> bool:
    """Judge that a refusal has a code that the tables list."""
    return check(requirement, answer.refused_with(*LISTED), expected="400, 401 or 503", got=answer)


def no_get(answer: Answer, verb: str) -> bool:
    """True when a GET was not refused for what it asks, but because there is no GET; another case judges that."""
    return verb == "GET" and (answer.status in {405, 501} or (answer.status == 404 and answer.error_message is None))
