"""The reference forwarding module: keys hop by hop over trusted nodes (`qkd.node.v1`)."""
