"""Faults of the Key container as it is written (6.3)."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Sequence
from contextlib import suppress

import orjson

from vendors.reference.delivery import KeyDelivery
from vendors.reference.forms import Forms
from vendors.reference.model import Key, KeyContainer, KeyRequest, Pairs
from vendors.reference.names import KeyNames
from vendors.reference.settlement import Allocation

from .catalogue import fault


class _ContainerForm(Forms):
    def container(self, container: KeyContainer) -> bytes:
        return orjson.dumps(self.members(orjson.loads(super().container(container))))

    def members(self, members: dict[str, object]) -> dict[str, object]:
        """The members as they go out."""
        raise NotImplementedError


@fault("container-keys-capital", caught_by=["ETSI014-6.3-R1"])
class KeysCapital(_ContainerForm):
    """The heading of Table 11 was followed: the member is called `Keys`."""

    def members(self, members: dict[str, object]) -> dict[str, object]:
        """With a capital."""
        members["Keys"] = members.pop("keys")
        return members


@fault("container-single-key-bare", caught_by=["ETSI014-6.3-R1"])
class SingleKeyBare(_ContainerForm):
    """A single key is an object where an array of one belongs: the XML converter does so."""

    def members(self, members: dict[str, object]) -> dict[str, object]:
        """Without the array around one."""
        keys = members["keys"]
        return members | {"keys": keys[0]} if isinstance(keys, list) and len(keys) == 1 else members


@fault("container-bare-array", caught_by=["ETSI014-6.3-R1"])
class BareArray(Forms):
    """The container is left out: the answer is the array of keys."""

    def container(self, container: KeyContainer) -> bytes:
        """An array."""
        return orjson.dumps([self.key(key) for key in container.keys])


@fault("container-extension-null", caught_by=["ETSI014-6.3-R6"])
class ContainerExtensionNull(_ContainerForm):
    """The unused key_container_extension is sent as null instead of being left out."""

    def members(self, members: dict[str, object]) -> dict[str, object]:
        """With a null extension."""
        return {"key_container_extension": None} | members


@fault("key-extension-array", caught_by=["ETSI014-6.3-R6"])
class KeyExtensionArray(Forms):
    """key_extension is an array of objects, as the extensions of a Key request are."""

    def key(self, key: Key) -> dict[str, object]:
        """With an array."""
        return super().key(key) | {"key_extension": [{"source": "link"}]}


@fault("key-member-case", caught_by=["ETSI014-6.3-R1"])
class KeyMemberCase(Forms):
    """The member is called `key_id`."""

    def key(self, key: Key) -> dict[str, object]:
        """In lower case."""
        return {name.lower(): value for name, value in super().key(key).items()}


class _ReadsAnyUuid(KeyDelivery):
    def key_id_of(self, text: str) -> bytes:
        with suppress(ValueError):
            text = str(uuid.UUID(text))
        return super().key_id_of(text)


@fault("key-id-no-uuid", caught_by=["ETSI014-6.3-R2"], also=[_ReadsAnyUuid])
class KeyIdNoUuid(Forms):
    """Key IDs are hexadecimal digits without hyphens; requests may have them either way."""

    def key_id(self, key_id: bytes) -> str:
        """32 digits."""
        return key_id.hex()


@fault("key-id-braces", caught_by=["ETSI014-6.3-R2"], also=[_ReadsAnyUuid])
class KeyIdBraces(Forms):
    """Key IDs stand in braces, as another system writes UUIDs."""

    def key_id(self, key_id: bytes) -> str:
        """In braces."""
        return "{" + super().key_id(key_id) + "}"


@fault("key-base64url", caught_by=["ETSI014-6.3-R3"], settings={"key_size": 1024})
class KeyBase64Url(Forms):
    """Keys are in the URL-safe alphabet of base64."""

    def key_text(self, octets: bytes) -> str:
        """With - and _."""
        return base64.urlsafe_b64encode(octets).decode("ascii")


@fault("key-unpadded", caught_by=["ETSI014-6.3-R3"])
class KeyUnpadded(Forms):
    """The padding of base64 is left out."""

    def key_text(self, octets: bytes) -> str:
        """Without =."""
        return super().key_text(octets).rstrip("=")


@fault("key-hexadecimal", caught_by=["ETSI014-6.3-R3", "ETSI014-6.2-R2"])
class KeyHexadecimal(Forms):
    """Keys are hexadecimal text."""

    def key_text(self, octets: bytes) -> str:
        """Two digits an octet."""
        return octets.hex()


@fault("key-line-break", caught_by=["ETSI014-6.3-R3"])
class KeyLineBreak(Forms):
    """The base64 encoder is that of e-mail: it ends every line with a line break."""

    def key_text(self, octets: bytes) -> str:
        """In lines."""
        return base64.encodebytes(octets).decode("ascii")


@fault("key-one-octet-short", caught_by=["ETSI014-6.2-R2", "ETSI014-6.3-R5"])
class KeyShort(Forms):
    """The last octet of every key is lost to a terminating zero."""

    def key_text(self, octets: bytes) -> str:
        """One less."""
        return super().key_text(octets[:-1])


@fault("key-one-octet-long", caught_by=["ETSI014-6.2-R2", "ETSI014-6.3-R5"])
class KeyLong(Forms):
    """A terminating zero goes out with every key."""

    def key_text(self, octets: bytes) -> str:
        """One more."""
        return super().key_text(octets + b"\0")


@fault("container-same-id-twice", caught_by=["ETSI014-6.3-R7"])
class SameIdTwice(KeyDelivery):
    """All keys of a request are handed out under the ID of the first."""

    def container_of_new(self, keys: Sequence[Allocation], extension: Pairs) -> KeyContainer:
        """One ID for all."""
        container = super().container_of_new(keys, extension)
        return container._replace(keys=[key._replace(key_id=keys[0].key_id) for key in container.keys])


@fault("container-same-key-twice", caught_by=["ETSI014-6.3-R7"])
class SameKeyTwice(KeyDelivery):
    """The first key fills all places of the container: the loop forgets to draw again."""

    def container_of_new(self, keys: Sequence[Allocation], extension: Pairs) -> KeyContainer:
        """The first, as often as asked for."""
        container = super().container_of_new(keys, extension)
        return container._replace(keys=[container.keys[0]] * len(container.keys))


@fault("container-two-ids-one-key", caught_by=["ETSI014-6.3-R7"])
class TwoIdsOneKey(KeyDelivery):
    """The keys of one request have IDs of their own and the same bits."""

    def container_of_new(self, keys: Sequence[Allocation], extension: Pairs) -> KeyContainer:
        """The bits of the first."""
        container = super().container_of_new(keys, extension)
        return container._replace(keys=[key._replace(octets=keys[0].octets) for key in container.keys])


@fault("key-reused-in-next-call", caught_by=["ETSI014-5.3-R2"])
class ReusedInNextCall(KeyDelivery):
    """Get key without parameters is cached like any GET: the next call of the same SAE gets the same key."""

    _cached: tuple[str | None, KeyRequest, KeyContainer] | None = None

    async def get_key(self, caller: str | None, request: KeyRequest) -> KeyContainer:
        """Every other time from the cache."""
        if request != KeyRequest(request.slave):
            return await super().get_key(caller, request)
        cached, self._cached = self._cached, None
        if cached is not None and cached[:2] == (caller, request):
            return cached[2]
        container = await super().get_key(caller, request)
        self._cached = (caller, request, container)
        return container


@fault("key-ids-collide", caught_by=["ETSI014-5.3-R2"])
class IdsCollide(KeyNames):
    """Key IDs are counted from 1 at each KME: both directions use the same ones."""

    _issued = 0

    def new(self) -> bytes:
        """The next number, as a UUID."""
        self._issued += 1
        return uuid.UUID(int=self._issued).bytes

    def is_own(self, key_id: bytes) -> bool:
        """By the number, whoever gave it."""
        return False
