"""Errors with keys in them."""

from __future__ import annotations

import orjson

from vendors.reference.forms import Forms
from vendors.reference.model import KeyContainer
from vendors.reference.refusals import RefusedError


class WithContainerError(RefusedError):
    """A refusal that carries keys all the same.

    Attributes:
        container: the keys.
    """

    def __init__(self, refused: RefusedError, container: KeyContainer) -> None:
        super().__init__(refused.status, refused.reason, refused.message, refused.details)
        self.container = container


class KeysBesideError(Forms):
    """Writes the keys of a `WithContainerError` beside the members of the Error."""

    def error(self, refused: RefusedError) -> bytes:
        """An Error that is a Key container too."""
        body = super().error(refused)
        if isinstance(refused, WithContainerError):
            body = orjson.dumps(orjson.loads(body) | orjson.loads(self.container(refused.container)))
        return body
