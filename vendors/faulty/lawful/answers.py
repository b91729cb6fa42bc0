"""Other answers where the standard leaves the answer open."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from aiohttp import web

from vendors.faulty.catalogue import variant
from vendors.reference.api014 import Api014
from vendors.reference.copies import Copy
from vendors.reference.delivery import Delivery, KeyDelivery
from vendors.reference.model import KeyContainer, KeyIdsRequest
from vendors.reference.refusals import RefusedError, bad_request, keys_not_found, unknown_caller


@variant("401-with-body")
class UnauthorisedWithBody(Api014):
    """401 comes with an Error and a challenge (A21)."""

    def error_answer(self, refused: RefusedError) -> web.Response:
        """Always with a body."""
        response = self.answer(self.forms.error(refused), refused.status)
        if refused.status == unknown_caller().status:
            response.headers["WWW-Authenticate"] = "Mutual"
        return response


@variant("unknown-sae-400")
class UnknownSae400(KeyDelivery):
    """An SAE that is not known gets 400 (A4)."""

    def admit(self, caller: str | None) -> str:
        """400 instead of 401."""
        if caller is None or not self.network.serves(caller):
            raise bad_request("the calling SAE is not registered", "SAE_UNKNOWN")
        return caller


@variant("unknown-sae-disconnected")
class UnknownSaeDisconnected(Api014):
    """An SAE that is not known has its connection closed, without an answer (A4)."""

    def caller_of(self, request: web.Request) -> str | None:
        """Hangs up on strangers."""
        caller = super().caller_of(request)
        if caller is None or not self.delivery.network.serves(caller):
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError
        return caller


@variant("unknown-slave-404")
class UnknownSlave404(Api014):
    """An SAE in the path that nobody knows is answered with 404 (A5)."""

    def error_answer(self, refused: RefusedError) -> web.Response:
        """404 for that."""
        response = super().error_answer(refused)
        if refused.reason == "SAE_ID_UNKNOWN":
            response.set_status(404)
        return response


@variant("limits-422")
class Limits422(Api014):
    """Requests beyond the limits, or of wrong types, are answered with 422 (A7, A8)."""

    _reasons = frozenset(
        {"NUMBER_OUT_OF_RANGE", "SIZE_OUT_OF_RANGE", "KEY_IDS_OUT_OF_RANGE", "NOT_AN_INTEGER", "NOT_AN_ARRAY"}
    )

    def error_answer(self, refused: RefusedError) -> web.Response:
        """422 for those."""
        response = super().error_answer(refused)
        if refused.reason in self._reasons:
            response.set_status(422)
        return response


@variant("missing-before-foreign")
class MissingBeforeForeign(KeyDelivery):
    """A request that mixes an unknown key ID with another SAE's is answered 400 (A10)."""

    def copies_of(self, slave: str, master: str, key_ids: Sequence[bytes]) -> list[Copy]:
        """400 if one is not known at all."""
        if not all(self.copies.of_key(key_id) or self.names.is_own(key_id) for key_id in key_ids):
            raise keys_not_found()
        return super().copies_of(slave, master, key_ids)


@variant("repeated-id-served-once")
class RepeatedIdServedOnce(KeyDelivery):
    """A key ID that comes twice in a request is taken once (A14)."""

    def key_ids_of(self, request: KeyIdsRequest) -> list[bytes]:
        """Each once."""
        return list(dict.fromkeys(super().key_ids_of(request)))

    def check_distinct(self, key_ids: Sequence[bytes]) -> None:
        """Nothing to refuse."""


@variant("keys-in-other-order")
class OtherOrder(KeyDelivery):
    """The container of a slave is ordered by key ID, not as asked for (A15)."""

    async def get_key_with_key_ids(self, caller: str | None, request: KeyIdsRequest) -> Delivery:
        """Sorted."""
        delivery = await super().get_key_with_key_ids(caller, request)
        keys = sorted(delivery.container.keys, key=lambda key: key.key_id)
        return Delivery(KeyContainer(keys), delivery.copies)


@variant("own-status-answered")
class OwnStatusAnswered(KeyDelivery):
    """An SAE may be its own slave: Get status and Get key for oneself are served (A18)."""

    def check_slave(self, caller: str, slave: str) -> None:
        """Anybody."""


@variant("messages-without-details")
class PlainMessages(Api014):
    """All messages but M1 to M5 are the same: "bad request"."""

    _literal = ("size shall", "not all ", "one or more keys")

    def error_answer(self, refused: RefusedError) -> web.Response:
        """Says as little as possible."""
        literal = refused.message.startswith(self._literal)
        if refused.status != 400 or literal:
            return super().error_answer(refused)
        return self.answer(orjson.dumps({"message": "bad request"}), 400)
