"""Faults of Get status (5.2, 6.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace

import orjson

from vendors.reference.api014 import Api014, Call
from vendors.reference.delivery import KeyDelivery
from vendors.reference.forms import Forms
from vendors.reference.model import Status

from .catalogue import fault
from .forgetful import ForgetfulCopies, ForgetfulDelivery


class _StatusForm(Forms):
    def status(self, status: Status) -> bytes:
        return orjson.dumps(self.members(asdict(status)))

    def members(self, members: dict[str, object]) -> dict[str, object]:
        """The members as they go out."""
        raise NotImplementedError


class _Told(KeyDelivery):
    def get_status(self, caller: str | None, slave: str) -> Status:
        return self.told(super().get_status(caller, slave))

    def told(self, status: Status) -> Status:
        """What this KME says of itself."""
        raise NotImplementedError


@fault("status-not-found", caught_by=["ETSI014-5.2-R1"])
class NoStatus(Api014):
    """Get status was left for later."""

    def routes(self) -> Mapping[str, Mapping[str, Call]]:
        """All but status."""
        return {path: calls for path, calls in super().routes().items() if not path.endswith("/status")}


@fault("status-lacks-max-sae-id-count", caught_by=["ETSI014-6.1-R1"])
class LacksMaxSaeIdCount(_StatusForm):
    """A KME without multicast leaves max_SAE_ID_count out instead of saying 0."""

    def members(self, members: dict[str, object]) -> dict[str, object]:
        """Without it."""
        del members["max_SAE_ID_count"]
        return members


@fault("status-lacks-master", caught_by=["ETSI014-6.1-R1"])
class LacksMaster(_StatusForm):
    """Status leaves out the caller's own ID, which the caller knows anyway."""

    def members(self, members: dict[str, object]) -> dict[str, object]:
        """Without it."""
        del members["master_SAE_ID"]
        return members


@fault("status-lacks-key-size", caught_by=["ETSI014-6.1-R1"])
class LacksKeySize(_StatusForm):
    """Status gives the limits of the key size and not the default."""

    def members(self, members: dict[str, object]) -> dict[str, object]:
        """Without it."""
        del members["key_size"]
        return members


@fault("status-member-case", caught_by=["ETSI014-6.1-R1"])
class LowerCaseMembers(_StatusForm):
    """The serialiser turns all member names to lower case."""

    def members(self, members: dict[str, object]) -> dict[str, object]:
        """In lower case."""
        return {name.lower(): value for name, value in members.items()}


@fault("status-numbers-as-text", caught_by=["ETSI014-6.1-R2"])
class NumbersAsText(_StatusForm):
    """Numbers come out of the configuration file as text and stay so."""

    def members(self, members: dict[str, object]) -> dict[str, object]:
        """All of them as text."""
        return {name: str(value) for name, value in members.items()}


@fault("status-count-null", caught_by=["ETSI014-6.1-R2"])
class CountNull(_StatusForm):
    """stored_key_count is null while nobody has counted."""

    def members(self, members: dict[str, object]) -> dict[str, object]:
        """Always null."""
        return members | {"stored_key_count": None}


@fault("status-extension-null", caught_by=["ETSI014-6.1-R7"])
class StatusExtensionNull(_StatusForm):
    """The unused status_extension is sent as null instead of being left out."""

    def members(self, members: dict[str, object]) -> dict[str, object]:
        """With a null extension."""
        return members | {"status_extension": None}


@fault("status-saes-swapped", caught_by=["ETSI014-6.1-R5", "ETSI014-6.1-R6"])
class SaesSwapped(_Told):
    """master_SAE_ID is the SAE in the path and slave_SAE_ID the caller."""

    def told(self, status: Status) -> Status:
        """The other way round."""
        return replace(status, master_SAE_ID=status.slave_SAE_ID, slave_SAE_ID=status.master_SAE_ID)


@fault("status-kmes-swapped", caught_by=["ETSI014-6.1-R3", "ETSI014-6.1-R4"])
class KmesSwapped(_Told):
    """source_KME_ID is the other KME and target_KME_ID the one that answers."""

    def told(self, status: Status) -> Status:
        """The other way round."""
        return replace(status, source_KME_ID=status.target_KME_ID, target_KME_ID=status.source_KME_ID)


@fault("status-target-is-itself", caught_by=["ETSI014-6.1-R4"])
class TargetIsItself(_Told):
    """Both KME IDs are this KME's own: a copy-and-paste slip."""

    def told(self, status: Status) -> Status:
        """The same twice."""
        return replace(status, target_KME_ID=status.source_KME_ID)


@fault("status-min-above-max", caught_by=["ETSI014-6.1-R8"])
class LimitsSwapped(_Told):
    """min_key_size and max_key_size are mixed up."""

    def told(self, status: Status) -> Status:
        """The other way round."""
        return replace(status, min_key_size=status.max_key_size, max_key_size=status.min_key_size)


@fault("status-default-out-of-bounds", caught_by=["ETSI014-6.1-R8"], settings={"max_key_size": 512})
class DefaultOutOfBounds(_Told):
    """The default key size was raised in the configuration and its limit was not."""

    def told(self, status: Status) -> Status:
        """The default above the largest."""
        return replace(status, max_key_size=status.key_size - 8)


@fault("status-stored-above-max", caught_by=["ETSI014-6.1-R9"])
class StoredAboveMax(_Told):
    """stored_key_count is not capped: the pool holds more keys than max_key_count says."""

    def told(self, status: Status) -> Status:
        """A cap that does not hold."""
        return replace(status, max_key_count=status.stored_key_count // 2)


@fault("status-stored-negative", caught_by=["ETSI014-6.1-R9"])
class StoredNegative(_Told):
    """A reserve is subtracted from stored_key_count without a look at the sign."""

    def told(self, status: Status) -> Status:
        """Below zero."""
        return replace(status, stored_key_count=status.stored_key_count - 2 * status.max_key_count)


@fault("status-no-keys-per-request", caught_by=["ETSI014-6.1-R10"])
class NoKeysPerRequest(_Told):
    """max_key_per_request is 0, meaning "no limit"."""

    def told(self, status: Status) -> Status:
        """No limit, as this maker writes it."""
        return replace(status, max_key_per_request=0)


@fault("status-sae-count-negative", caught_by=["ETSI014-6.1-R11"], settings={"max_sae_id_count": 0})
class SaeCountNegative(_Told):
    """max_SAE_ID_count is -1, meaning "not supported"."""

    def told(self, status: Status) -> Status:
        """Not supported, as this maker writes it."""
        return replace(status, max_SAE_ID_count=-1)


@fault("status-promises-multicast", caught_by=["ETSI014-6.1-R17"], settings={"max_sae_id_count": 0})
class PromisesMulticast(_Told):
    """Status offers four additional SAEs, and every request with one is refused."""

    def told(self, status: Status) -> Status:
        """More than is served."""
        return replace(status, max_SAE_ID_count=4)


@fault("status-promises-more-keys", caught_by=["ETSI014-6.1-R12"], settings={"max_key_per_request": 10})
class PromisesMoreKeys(_Told):
    """Status says 128 keys per request, the code has another constant."""

    def told(self, status: Status) -> Status:
        """More than is served."""
        return replace(status, max_key_per_request=128)


@fault("status-promises-longer-keys", caught_by=["ETSI014-6.1-R14"], settings={"max_key_size": 512})
class PromisesLongerKeys(_Told):
    """Status says 1024 bits, the code serves 512 at most."""

    def told(self, status: Status) -> Status:
        """More than is served."""
        return replace(status, max_key_size=1024)


@fault("status-promises-shorter-keys", caught_by=["ETSI014-6.1-R14"], settings={"min_key_size": 128})
class PromisesShorterKeys(_Told):
    """Status says 64 bits, the code serves 128 at least."""

    def told(self, status: Status) -> Status:
        """Less than is served."""
        return replace(status, min_key_size=64)


@fault("status-drops-waiting-keys", caught_by=["ETSI014-5.2-R2"], also=[ForgetfulCopies])
class StatusDropsKeys(ForgetfulDelivery):
    """Get status begins a new session: keys that wait for their slave are dropped."""

    def get_status(self, caller: str | None, slave: str) -> Status:
        """Drops first."""
        self.drop_waiting()
        return super().get_status(caller, slave)
