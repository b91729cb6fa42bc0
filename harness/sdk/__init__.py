"""The plug-in SDK: what a maker in Python needs to be hosted by the harness, and nothing else.

class AcmeKme(Vendor):
name, vendor, version = "acme-kme", "ACME", "1.2.3"

async def provision_kme(self, request, state): ...

if __name__ == "__main__":
serve(AcmeKme())
"""

from harness.contract import ContractError, bearer_metadata, check_message, read_error, redacted_text
from harness.sdk.entries import VendorEntry, find_vendors
from harness.sdk.ics import Ics
from harness.sdk.life import serve
from harness.sdk.server import ContractServer, contract_server, loopback_channel
from harness.sdk.vendor import Vendor

__all__ = [
    "ContractError",
    "ContractServer",
    "Ics",
    "Vendor",
    "VendorEntry",
    "bearer_metadata",
    "check_message",
    "contract_server",
    "find_vendors",
    "loopback_channel",
    "read_error",
    "redacted_text",
    "serve",
]
