"""The lines between KMEs: a listener for those that issue to this one, a line to each that it issues to."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping

from qkd.reference.v1.kme_peer_pb2 import PeerMessage, Reach, ShareResult, Standing

from .channel import Channel
from .intake.follower import Follower
from .intake.leader import Leader
from .keeper import Keeper
from .link import Link

_log = logging.getLogger(__name__)
_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 1.0


class PeerListener:
    """Where issuing KMEs call: tells them what this KME holds and keeps what they share.

    Args:
        links: by the KME ID of the other end.
        followers: of the links that the other end leads, likewise.
    """

    def __init__(self, links: Mapping[str, Link], keeper: Keeper, followers: Mapping[str, Follower]) -> None:
        self._links = links
        self._keeper = keeper
        self._followers = followers
        self._open: set[Channel] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int, context: ssl.SSLContext) -> int:
        """Listens; says on which port.

        Raises:
            OSError: the port is taken.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Channel(self._opened, self._received, self._lost), host, port, ssl=context
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stops listening and ends all connections."""
        if self._server is not None:
            self._server.close()
        for channel in list(self._open):
            channel.close()

    def announce(self, link: Link) -> None:
        """Tells the issuer at the other end of the link what this KME holds by now."""
        for channel in self._open:
            if channel.peer_id == link.peer_kme_id:
                channel.send(_standing(link))

    def _opened(self, channel: Channel) -> None:
        link = self._links.get(channel.peer_id or "")
        if link is None:
            _log.info("a peer was turned away: its certificate names no KME with a link to this one")
            channel.close()
            return
        self._open.add(channel)
        channel.send(_standing(link))
        follower = self._followers.get(link.peer_kme_id)
        if follower is not None:
            follower.opened(channel.send)

    def _lost(self, channel: Channel) -> None:
        self._open.discard(channel)
        follower = self._followers.get(channel.peer_id or "")
        if follower is not None:
            follower.lost(channel.send)

    def _received(self, channel: Channel, message: PeerMessage) -> None:
        link = self._links.get(channel.peer_id or "")
        if link is None:
            return
        if message.HasField("share"):
            share = message.share
            refusal = self._keeper.keep(share, link) if share.link_id == link.link_id else "no such link"
            channel.send(PeerMessage(share_result=ShareResult(sequence=share.sequence, refusal=refusal)))
        elif message.HasField("reach") and message.reach.link_id == link.link_id:
            link.reached(message.reach.cursor)
        elif link.peer_kme_id in self._followers:
            self._followers[link.peer_kme_id].received(message)


class PeerLine:
    """The line to one KME that keeps keys of this one: dials, dials again, never makes a caller wait for it.

    Attributes:
        kme_id: the other KME; its certificate has to name it.
        leader: leads the intake of the link, if this end does.
    """

    def __init__(
        self, kme_id: str, link: Link, context: ssl.SSLContext, timeout_s: float, idle: Callable[[], bool]
    ) -> None:
        """Makes a line that is not connected.

        Args:
            timeout_s: bounds the handshake and the answer to each share, seconds.
            idle: whether every key that is cut from the link has been shared.
        """
        self.kme_id = kme_id
        self._link = link
        self._context = context
        self._timeout_s = timeout_s
        self._idle = idle
        self._address = ("", 0)
        self._channel: Channel | None = None
        self._welcomed = False  # by the keeper at the other end of this connection
        self._sequence = 0
        self._shares: dict[int, asyncio.Future[str]] = {}
        self._task: asyncio.Task[None] | None = None
        self.leader: Leader | None = None

    def dial(self, address: str) -> None:
        """Keeps a connection to `host:port` from now on, in place of any earlier address."""
        host, _, port = address.rpartition(":")
        if self._address == (host, int(port)):
            return
        self._address = (host, int(port))
        if self._task is not None:
            self._task.cancel()
        if self._channel is not None:
            self._channel.close()
        self._task = asyncio.create_task(self._stay_connected())

    async def stop(self) -> None:
        """Hangs up for good."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._channel is not None:
            self._channel.close()

    async def _stay_connected(self) -> None:
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE_S
        while True:
            try:
                async with asyncio.timeout(self._timeout_s):
                    _, channel = await loop.create_connection(
                        lambda: Channel(self._opened, self._received, self._lost),
                        *self._address,
                        ssl=self._context,
                        server_hostname="",
                    )
                await channel.gone.wait()
                if self._welcomed:
                    pause = _FIRST_PAUSE_S
            except (OSError, TimeoutError) as error:  # ssl.SSLError is an OSError
                _log.debug("KME %s does not answer: %s", self.kme_id, type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _opened(self, channel: Channel) -> None:
        if channel.peer_id != self.kme_id:
            _log.error("the certificate at the address of KME %s names another", self.kme_id)
            channel.close()
            return
        self._channel = channel
        self._welcomed = False
        self.reach()
        if self.leader is not None:
            self.leader.opened(channel.send, channel.close)

    def _lost(self, channel: Channel) -> None:
        if channel is self._channel:
            self._channel = None
            self._link.peer_gone()
            if self.leader is not None:
                self.leader.lost()
            for sequence in list(self._shares):
                self._end_share(sequence, f"KME {self.kme_id}: the connection was lost")

    def _received(self, channel: Channel, message: PeerMessage) -> None:
        if channel is not self._channel:
            return
        if message.HasField("share_result"):
            self._end_share(message.share_result.sequence, message.share_result.refusal)
        elif message.HasField("standing") and message.standing.link_id == self._link.link_id:
            self._welcomed = True
            self._link.standing(message.standing.held_blocks, message.standing.granted)
        elif self.leader is not None:
            self.leader.received(message)

    def reach(self) -> None:
        """Tells the keeper how far this KME's half is used up, unless the next share will tell."""
        if self._channel is not None and self._idle():
            self._channel.send(PeerMessage(reach=Reach(link_id=self._link.link_id, cursor=self._link.cursor)))

    def share(self, message: PeerMessage) -> asyncio.Future[str]:
        """Has the peer keep keys. Shares are sent in the order of the calls.

        Args:
            message: `share.grants` filled in; the rest is done here.

        Returns:
            Why the peer does not keep them, empty = it has stored them all. Without an answer in time it is
            unknown whether it does; the keys are not to be used.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str] = loop.create_future()
        if self._channel is None:
            answer.set_result(f"KME {self.kme_id} is not connected")
            return answer
        self._sequence += 1
        self._shares[self._sequence] = answer
        bound = loop.call_later(self._timeout_s, self._no_answer, self._sequence)
        answer.add_done_callback(lambda _: bound.cancel())
        message.share.sequence = self._sequence
        message.share.link_id = self._link.link_id
        self._channel.send(message)
        return answer

    def _no_answer(self, sequence: int) -> None:
        self._end_share(sequence, f"KME {self.kme_id} does not answer")
        if self._channel is not None:
            self._channel.close()  # it hangs: be quick to say so to the next who asks

    def _end_share(self, sequence: int, refusal: str) -> None:
        share = self._shares.pop(sequence, None)
        if share is not None and not share.done():
            share.set_result(refusal)


def _standing(link: Link) -> PeerMessage:
    return PeerMessage(standing=Standing(link_id=link.link_id, held_blocks=link.held, granted=link.granted))
