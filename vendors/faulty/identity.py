"""Faults about who calls: the SAE ID is taken from somewhere else than the certificate (4, 5.1)."""

from __future__ import annotations

import orjson
from aiohttp import web

from vendors.reference.api014 import Api014
from vendors.reference.copies import Copy
from vendors.reference.delivery import KeyDelivery
from vendors.reference.model import KeyContainer, KeyRequest
from vendors.reference.refusals import bad_request

from .catalogue import fault

# The names under which interfaces of this kind carry a caller's ID.
_HEADERS = ("X-SAE-ID", "SAE-ID", "X-SAE", "X-Client-ID", "X-Forwarded-User", "X-Remote-User", "From")
_MEMBERS = ("SAE_ID", "sae_id", "master_SAE_ID", "slave_SAE_ID", "source_SAE_ID", "caller_SAE_ID", "SAE")


class DefaultAccount(KeyDelivery):
    """A caller without a certificate is taken for the first SAE of this KME."""

    def admit(self, caller: str | None) -> str:
        """Those without a certificate too."""
        if caller is None:
            caller = next(sae_id for sae_id in self.network.kme_of if self.network.serves(sae_id))
        return super().admit(caller)


class _Named(Api014):
    """The caller is whom the request names, if it names one; otherwise whom the certificate names."""

    def named(self, request: web.Request) -> str | None:
        raise NotImplementedError

    def caller_of(self, request: web.Request) -> str | None:
        named = self.named(request)
        return named if named and self.delivery.network.serves(named) else super().caller_of(request)


@fault("sae-id-from-header", caught_by=["ETSI014-4-R2"])
class CallerInHeader(_Named):
    """A header that a proxy used to set says who calls, also when the SAE itself sends it."""

    def named(self, request: web.Request) -> str | None:
        """The first header that names a caller."""
        return next((request.headers[name] for name in _HEADERS if name in request.headers), None)


@fault("sae-id-from-query", caught_by=["ETSI014-4-R2"])
class CallerInQuery(_Named):
    """A query parameter left over from testing says who calls."""

    def named(self, request: web.Request) -> str | None:
        """The first parameter that names a caller."""
        return next((request.query[name] for name in _MEMBERS if name in request.query), None)


@fault("sae-id-from-body", caught_by=["ETSI014-4-R2"])
class CallerInBody(Api014):
    """A member of the body says who calls: the SAE ID of the certificate is only its default."""

    async def post_enc_keys(self, caller: str, request: web.Request) -> web.StreamResponse:
        """Serves whom the body names."""
        return await super().post_enc_keys(await self._named(caller, request), request)

    async def post_dec_keys(self, caller: str, request: web.Request) -> web.StreamResponse:
        """Serves whom the body names."""
        return await super().post_dec_keys(await self._named(caller, request), request)

    async def _named(self, caller: str, request: web.Request) -> str:
        body = await self.body_of(request)  # is kept: it can be read again
        try:
            members = orjson.loads(body or b"{}")
        except orjson.JSONDecodeError:
            return caller
        texts = (members.get(name) for name in _MEMBERS) if isinstance(members, dict) else ()
        return next((text for text in texts if isinstance(text, str) and self.delivery.network.serves(text)), caller)


@fault("roles-fixed-by-sae", caught_by=["ETSI014-3.1-R1"])
class FixedRoles(KeyDelivery):
    """Master and slave are set up per SAE: only those of the first KME may call Get key."""

    async def get_key(self, caller: str | None, request: KeyRequest) -> KeyContainer:
        """For masters only."""
        if self.network.kme_id != min(self.network.kme_of.values()):
            raise bad_request("this SAE is a slave SAE", "NOT_A_MASTER")
        return await super().get_key(caller, request)


@fault("own-id-in-dec-path", caught_by=["ETSI014-5.4-R1", "ETSI014-B-R1"])
class SlaveInPath(KeyDelivery):
    """The example URL in 6.4 was followed instead of Tables 2 and 7: the path of dec_keys names the slave."""

    def belongs_to(self, master: str, copy: Copy) -> bool:
        """Whether the SAE in the path is the slave."""
        return copy.slave == master
