"""From bits of a link to a key: the same at both ends."""


class Cutter:
    """Gives a key its form."""

    def octets(self, bits: int) -> int:
        """How many octets of the link a key of so many bits uses up."""
        return (bits + 7) // 8

    def shape(self, material: bytes, bits: int, key_id: bytes) -> bytes:
        """The key of `bits` bits from `octets(bits)` octets of the link.

        A size that is no multiple of 8 leaves surplus low-order bits in the last octet; they are zero.
        """
        surplus = -bits % 8
        if surplus:
            return material[:-1] + bytes((material[-1] & (0xFF << surplus) & 0xFF,))
        return material


def exclusive_or(one: bytes, other: bytes) -> bytes:
    """Bitwise, of two strings of the same length."""
    return (int.from_bytes(one) ^ int.from_bytes(other)).to_bytes(len(one))
