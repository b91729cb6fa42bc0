"""The keeping end: stores the keys that a peer KME issues for SAEs of this one."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Collection, Iterator

from qkd.reference.v1.kme_peer_pb2 import Grant, Share

from .copies import Copies, NewCopy
from .cutter import Cutter, exclusive_or
from .database import Database
from .intake.provenance import Place, Provenance
from .link import Link
from .network import Network
from .vault import DamagedError

_log = logging.getLogger(__name__)
_KEY_ID_OCTETS = 16


class Keeper:
    """Decides what to keep, and keeps it durably before it says so."""

    def __init__(
        self,
        network: Network,
        database: Database,
        copies: Copies,
        cutter: Cutter,
        *,
        provenance: Provenance | None = None,
        traced: Collection[Link] = (),
    ) -> None:
        """`traced`: the links for which it is written down which octets became which key."""
        self._provenance = provenance
        self._traced = traced
        self._network = network
        self._database = database
        self._copies = copies
        self._cutter = cutter

    def keep(self, share: Share, link: Link) -> str:
        """Stores all keys of the share, or none.

        Args:
            share: as the peer sent it.
            link: the link with that peer; the peer's identity has been established.

        Returns:
            Why not; empty = all are stored.
        """
        try:
            new = [grant for grant in share.grants if not self._is_kept(grant, link)]
            refusal = self._refusal(new, link)
            if refusal:
                _log.warning("keys of %s are not kept: %s", link.peer_kme_id, refusal)
                return refusal
            copies = [copy for grant in new for copy in self.copies_of(grant, link)]
            for grant in new[-1:]:
                link.grant(grant.offset + self._cutter.octets(grant.bits))
            with self._database.transaction():
                self._copies.add(copies)
                if self._provenance is not None and link in self._traced:
                    self._provenance.add_keys(
                        Place(grant.key_id, link.number, 1 - link.own, grant.offset, self._cutter.octets(grant.bits))
                        for grant in new
                    )
                link.save()
            self.after_keeping(copies)
        except (sqlite3.Error, DamagedError) as error:
            _log.error("keys of %s are not kept: %s", link.peer_kme_id, type(error).__name__)
            return "the store fails"
        return ""

    def _is_kept(self, grant: Grant, link: Link) -> bool:
        """Whether it was sent before. Only a place that is used up can have been."""
        return grant.offset < link.granted and bool(self._copies.of_key(grant.key_id))

    def _refusal(self, grants: list[Grant], link: Link) -> str:
        """What is wrong with grants that are new here; empty = nothing."""
        end = link.granted
        for grant in grants:
            octets = self._cutter.octets(grant.bits)
            if len(grant.key_id) != _KEY_ID_OCTETS or not octets or len(grant.mask) not in {0, octets}:
                return "a grant is malformed"
            if grant.offset < end or not link.may_grant(grant.offset, octets):
                return f"the octets at {grant.offset} are used up or not here"
            if self._network.kme_of.get(grant.master_sae_id) != link.peer_kme_id:
                return "the master SAE is not yours"
            if not grant.slave_sae_ids or not all(map(self._network.serves, grant.slave_sae_ids)):
                return "a slave SAE is not mine"
            end = grant.offset + octets
        return ""

    def copies_of(self, grant: Grant, link: Link) -> Iterator[NewCopy]:
        """One copy for each slave, so that each can fetch it once (sheet, 6)."""
        material = link.peer_octets(grant.offset, self._cutter.octets(grant.bits))
        if grant.mask:
            material = exclusive_or(material, grant.mask)
        key = self._cutter.shape(material, grant.bits, grant.key_id)
        for slave in grant.slave_sae_ids:
            yield NewCopy(grant.key_id, slave, grant.master_sae_id, self.octets_for(slave, key, grant))

    def octets_for(self, slave: str, key: bytes, grant: Grant) -> bytes:
        """What a slave will receive: the key itself."""
        return key

    def after_keeping(self, copies: list[NewCopy]) -> None:
        """Called when copies have been stored. Keys that were stored before are not touched."""
