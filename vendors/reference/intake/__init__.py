"""The intake: how a link is fed by QKD modules and forwarding modules.

Sources put blocks, each under an ID that both ends of the link share (`parts.py`). The two KMEs agree on what
becomes the next blocks of the link (`leader.py`, `follower.py`), by the policy of the link (`choice.py`), and
each makes them from its own parts (`composition.py`). What is agreed goes into the same `Link` as the blocks
of a source that both ends count alike.

Why both ends always hold the same bytes at an index:

1. Only the leader (smaller KME ID) proposes, one batch at a time, and only the follower stores first.
2. The follower stores a block in one transaction with the record of how it was made; from then on that record
   is what counts. A leader that did not hear of it (either process died) asks, and makes the block from the
   record, never from a choice of its own.
3. A record names octets of parts by source, block ID and place, and each octet can be used once: those of a
   part in order, those used are gone with the same transaction, and the ID is remembered.

Where a loss of power took the last commits of one end, the ends may not be able to hold the same blocks. Then
both go on at an index that neither has, and what lies before is burned (`Link.skip`).
"""
