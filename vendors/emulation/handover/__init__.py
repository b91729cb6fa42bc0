"""How an emulated module hands its key blocks to the KMS of its site: ETSI GS QKD 014, or a raw TCP push.

Handing over by `qkd.device.v1.StreamKeyBlocks` is the module runtime's own affair. All of them work on a
`BlockSource`.
"""

from .etsi014 import Etsi014Server
from .keys014 import Ends, Etsi014Settings, ModuleKeys
from .push import Backoff, TcpPusher
from .source import Block, BlockSource, MemorySource
from .tls import TlsCredentials

__all__ = [
    "Backoff",
    "Block",
    "BlockSource",
    "Ends",
    "Etsi014Server",
    "Etsi014Settings",
    "MemorySource",
    "ModuleKeys",
    "TcpPusher",
    "TlsCredentials",
]
