"""Nodes that differ from the reference and are as good."""

from .catalogue import variant

variant("large-blocks", "carries blocks of 200 octets", forwarder={"relay_block_octets": "200"})
variant("one-in-flight", "has one block under way at a time", forwarder={"window": "1"})
variant("wide-window", "has sixteen blocks under way", forwarder={"window": "16"})
variant("hop-keys-by-014", "takes hop keys by ETSI GS QKD 014", forwarder={"key_supply": "etsi014"})
variant("no-prefetch", "takes hop keys when it needs them, none ahead", forwarder={"prefetch": "0"})
variant(
    "long-link-blocks", "makes links of blocks of 100 octets, where modules feed them", kme={"link_block_octets": "100"}
)
