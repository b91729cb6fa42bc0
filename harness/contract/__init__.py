"""What every speaker of the contracts obeys: constraints, error statuses, bearer tokens, redaction.

All of it follows the ``.proto`` files: constraints from the ``qkd.constraints.v1.field`` option, redaction
from ``debug_redact``. Nothing here knows a field by its name.
"""

from harness.contract.bearer import BearerInterceptor, bearer_metadata, carries_token
from harness.contract.constraints import Violation, check_message
from harness.contract.errors import ContractError, read_error
from harness.contract.interceptor import ConstraintInterceptor
from harness.contract.redaction import REDACTED, redacted, redacted_text

__all__ = [
    "REDACTED",
    "BearerInterceptor",
    "ConstraintInterceptor",
    "ContractError",
    "Violation",
    "bearer_metadata",
    "carries_token",
    "check_message",
    "read_error",
    "redacted",
    "redacted_text",
]
