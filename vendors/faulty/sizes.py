"""Faults of number and size in Get key (5.3, 6.1, 6.2)."""

from __future__ import annotations

from collections.abc import Mapping

from vendors.reference.delivery import KeyDelivery
from vendors.reference.forms import Forms, Query
from vendors.reference.model import KeyContainer, KeyRequest
from vendors.reference.refusals import RefusedError, bad_request

from .beside import KeysBesideError, WithContainerError
from .catalogue import fault


@fault("get-ignores-number", caught_by=["ETSI014-6.2-R5"])
class GetIgnoresNumber(Forms):
    """The query of a GET is not parsed for `number`: always one key."""

    def key_request_of_query(self, slave: str, query: Query) -> KeyRequest:
        """Without number."""
        return super().key_request_of_query(slave, query)._replace(number=None)


@fault("get-ignores-size", caught_by=["ETSI014-6.2-R5"])
class GetIgnoresSize(Forms):
    """The query of a GET is not parsed for `size`: always the default."""

    def key_request_of_query(self, slave: str, query: Query) -> KeyRequest:
        """Without size."""
        return super().key_request_of_query(slave, query)._replace(size=None)


@fault("post-ignores-number", caught_by=["ETSI014-6.3-R4"])
class PostIgnoresNumber(Forms):
    """The member `number` of a Key request is overlooked: always one key."""

    def key_request(self, slave: str, members: Mapping[str, object]) -> KeyRequest:
        """Without number."""
        return super().key_request(slave, members)._replace(number=None)


@fault("post-ignores-size", caught_by=["ETSI014-6.3-R5"])
class PostIgnoresSize(Forms):
    """The member `size` of a Key request is overlooked: always the default."""

    def key_request(self, slave: str, members: Mapping[str, object]) -> KeyRequest:
        """Without size."""
        return super().key_request(slave, members)._replace(size=None)


@fault("size-in-octets", caught_by=["ETSI014-6.3-R5", "ETSI014-6.2-R5"])
class SizeInOctets(KeyDelivery):
    """`size` is taken for octets, as elsewhere in this maker's code."""

    def size_of(self, request: KeyRequest) -> int:
        """Eight times as many bits."""
        bits = super().size_of(request)
        return bits if request.size is None else 8 * bits


@fault("default-two-keys", caught_by=["ETSI014-6.2-R1"])
class DefaultTwoKeys(KeyDelivery):
    """Without `number` two keys are handed out, one for each direction."""

    def default_number(self) -> int:
        """Two."""
        return 2


@fault("default-size-smallest", caught_by=["ETSI014-6.2-R2"])
class DefaultSizeSmallest(KeyDelivery):
    """Without `size` keys have min_key_size instead of key_size."""

    def default_size(self) -> int:
        """The smallest."""
        return self.settings.min_key_size


@fault("empty-request-refused", caught_by=["ETSI014-6.2-R3"])
class EmptyRequestRefused(Forms):
    """A Key request has to name `number` and `size`: defaults were forgotten."""

    def key_request(self, slave: str, members: Mapping[str, object]) -> KeyRequest:
        """Refuses the empty object."""
        if not members:
            raise bad_request("number is missing", "NUMBER_MISSING")
        return super().key_request(slave, members)


@fault("number-over-limit-served", caught_by=["ETSI014-6.1-R13"])
class NumberNotLimited(KeyDelivery):
    """max_key_per_request is told in Status and not enforced."""

    def check_number(self, number: int) -> None:
        """Anything positive."""
        super().check_number(min(number, self.settings.max_key_per_request))


@fault("number-clamped", caught_by=["ETSI014-6.1-R13"])
class NumberClamped(KeyDelivery):
    """More than max_key_per_request is cut down silently."""

    def number_of(self, request: KeyRequest) -> int:
        """At most the limit."""
        limit = self.settings.max_key_per_request
        return super().number_of(request._replace(number=limit) if (request.number or 0) > limit else request)


@fault("number-limit-exclusive", caught_by=["ETSI014-6.1-R12"], settings={"max_key_per_request": 64})
class NumberLimitExclusive(KeyDelivery):
    """`<` instead of `<=`: max_key_per_request itself is refused."""

    def check_number(self, number: int) -> None:
        """One less than the limit."""
        super().check_number(number + 1 if number > 1 else number)


@fault("number-zero-is-one", caught_by=["ETSI014-6.2-R23"])
class NumberZeroIsOne(KeyDelivery):
    """A number of 0 is as good as none: `number or 1`."""

    def number_of(self, request: KeyRequest) -> int:
        """Zero stands for the default."""
        return super().number_of(request._replace(number=request.number or None))


@fault("number-negative-is-positive", caught_by=["ETSI014-6.2-R23"])
class NumberUnsigned(KeyDelivery):
    """The sign of `number` is lost in a conversion."""

    def number_of(self, request: KeyRequest) -> int:
        """Without the sign."""
        return super().number_of(request._replace(number=None if request.number is None else abs(request.number)))


@fault("size-below-minimum-served", caught_by=["ETSI014-6.1-R15"])
class SizeBelowMinimum(KeyDelivery):
    """min_key_size is told in Status and not enforced."""

    def check_size(self, bits: int) -> None:
        """Anything positive, up to the largest."""
        super().check_size(max(bits, self.settings.min_key_size) if bits > 0 else bits)


@fault("size-above-maximum-served", caught_by=["ETSI014-6.1-R15"])
class SizeAboveMaximum(KeyDelivery):
    """max_key_size is told in Status and not enforced."""

    def check_size(self, bits: int) -> None:
        """Anything from the smallest up."""
        super().check_size(min(bits, self.settings.max_key_size))


@fault("size-clamped", caught_by=["ETSI014-6.1-R15"])
class SizeClamped(KeyDelivery):
    """Sizes beyond the limits are moved to the limit silently."""

    def size_of(self, request: KeyRequest) -> int:
        """Within the limits."""
        bits = request.size
        if bits is not None and bits > 0:
            bits = min(max(bits, self.settings.min_key_size), self.settings.max_key_size)
        return super().size_of(request._replace(size=bits))


@fault("size-limits-exclusive", caught_by=["ETSI014-6.1-R14"])
class SizeLimitsExclusive(KeyDelivery):
    """`<` instead of `<=`: min_key_size and max_key_size themselves are refused."""

    def check_size(self, bits: int) -> None:
        """Strictly within."""
        super().check_size(bits)
        if bits in {self.settings.min_key_size, self.settings.max_key_size}:
            raise bad_request("size is out of range", "SIZE_OUT_OF_RANGE")


@fault("odd-size-rounded-down", caught_by=["ETSI014-6.2-R8"])
class OddSizeRoundedDown(KeyDelivery):
    """257 bits are served as 256: an integer division."""

    def size_of(self, request: KeyRequest) -> int:
        """Whole octets."""
        return super().size_of(request) // 8 * 8


class _OctetsOnly(KeyDelivery):
    def check_size(self, bits: int) -> None:
        super().check_size(bits // 8 * 8)
        if bits % 8:
            raise self.refuse_odd()

    def refuse_odd(self) -> RefusedError:
        """The answer to a size that is no multiple of 8."""
        raise NotImplementedError


@fault("m1-reworded", caught_by=["ETSI014-6.2-R9"])
class M1Reworded(_OctetsOnly):
    """The message for odd sizes is the maker's own, not that of the standard."""

    def refuse_odd(self) -> RefusedError:
        """Nearly M1."""
        return bad_request("Size shall be a multiple of 8.", "SIZE_NOT_OCTETS")


@fault("m1-with-503", caught_by=["ETSI014-6.2-R9"])
class M1With503(_OctetsOnly):
    """An odd size is reported as an error on the server's side."""

    def refuse_odd(self) -> RefusedError:
        """M1 with another code."""
        return RefusedError(503, "SIZE_NOT_OCTETS", "size shall be a multiple of 8")


@fault("key-in-refusal", caught_by=["ETSI014-5.3-R4", "ETSI014-6.1-R13"], also=[KeysBesideError])
class KeyInRefusal(KeyDelivery):
    """For too many keys the answer is 400, and its body holds the first of them."""

    async def get_key(self, caller: str | None, request: KeyRequest) -> KeyContainer:
        """Refuses, with a key."""
        try:
            return await super().get_key(caller, request)
        except RefusedError as refused:
            if refused.reason != "NUMBER_OUT_OF_RANGE" or (request.number or 0) < 1:
                raise
            container = await super().get_key(caller, request._replace(number=1))
            raise WithContainerError(refused, container) from None
