"""The SSH server of an agent: public keys alone, the subsystem netconf alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

import asyncssh
from asyncssh.stream import SSHServerStreamSession

from qkd.vendor.v1.vendor_pb2 import SshUser
from vendors.reference.agent.datastore import Datastore
from vendors.reference.agent.hub import Hub
from vendors.reference.agent.settings import AgentSettings

from .host_key import public_line
from .names import capabilities
from .operations import Operations
from .session import Session

_log = logging.getLogger(__name__)
_GRACE_S = 2.0
_LOGIN_S = 10.0
_SUBSYSTEM = "netconf"


class NetconfServer:
    """NETCONF over SSH.

    Args:
        store: the datastore.
        hub: the notifications.
        settings: address and limits.
        users: who may come, by which key; a name may be there with several keys.
        key: the host key.

    Attributes:
        host_key: its public half, as in known_hosts without the host.

    Raises:
        ValueError: a public key cannot be read.
    """

    def __init__(
        self, store: Datastore, hub: Hub, settings: AgentSettings, users: Sequence[SshUser], key: asyncssh.SSHKey
    ) -> None:
        self._store = store
        self._hub = hub
        self._settings = settings
        self.host_key = public_line(key)
        self._key = key
        self._known = {(user.name, _public(user)) for user in users}
        self._operations = Operations(store, self._kill)
        self._sessions: dict[int, Session] = {}
        self._last = 0
        self._connections: set[asyncssh.SSHServerConnection] = set()
        self._acceptor: asyncssh.SSHAcceptor | None = None

    async def start(self, port: int) -> int:
        """Listens; says on which port.

        Args:
            port: 0 = any.

        Raises:
            OSError: the port is taken.
        """
        self._acceptor = await asyncssh.create_server(
            partial(_Gate, self._known, self._connections, self._admit, self._serve),
            self._settings.host,
            port,
            server_host_keys=[self._key],
            encoding=None,
            login_timeout=_LOGIN_S,
            keepalive_interval=self._settings.keep_alive_s,
            password_auth=False,
            kbdint_auth=False,
            host_based_auth=False,
            gss_host=None,
            allow_pty=False,
            agent_forwarding=False,
            x11_forwarding=False,
            allow_scp=False,
            server_version="netconf",
        )
        return int(self._acceptor.get_port())

    async def stop(self) -> None:
        """Ends sessions and connections."""
        if self._acceptor is None:
            return
        self._acceptor.close()
        connections = list(self._connections)
        for connection in connections:
            connection.abort()
        ended = [asyncio.ensure_future(connection.wait_closed()) for connection in connections]
        if ended:
            await asyncio.wait(ended, timeout=_GRACE_S)
        await self._acceptor.wait_closed()

    def _admit(self) -> bool:
        return len(self._sessions) < self._settings.max_netconf_sessions

    async def _serve(self, *wire: Any) -> None:
        self._last += 1
        number = self._last
        limit = self._settings.max_body_octets
        session = Session(number, self._operations, self._hub, limit, (wire[0], wire[1]))
        self._sessions[number] = session
        try:
            await session.run(capabilities(self._store.model))
        finally:
            self._forget(number)
            self._store.unlock(session)  # it may have been killed while it was waiting for the lock
            wire[1].channel.close()

    def _kill(self, number: int) -> bool:
        session = self._forget(number)
        if session is not None:
            session.abort()
        return session is not None

    def _forget(self, number: int) -> Session | None:
        """A session is gone, and its lock with it."""
        session = self._sessions.pop(number, None)
        if session is not None:
            self._store.unlock(session)
        return session


class _Gate(asyncssh.SSHServer):
    """Who and what is let in on one connection."""

    def __init__(self, known: Any, connections: set[asyncssh.SSHServerConnection], admit: Any, serve: Any) -> None:
        self._known = known
        self._connections = connections
        self._admit = admit
        self._serve = serve
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection is not None:
            self._connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return (username, key.public_data) in self._known

    def session_requested(self) -> Any:
        return _Channel(self._serve) if self._admit() else False


class _Channel(SSHServerStreamSession[bytes]):
    """A channel on which nothing but the subsystem can be had."""

    def shell_requested(self) -> bool:
        return False

    def exec_requested(self, command: str) -> bool:
        return False

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == _SUBSYSTEM


def _public(user: SshUser) -> bytes:
    try:
        return asyncssh.import_public_key(user.public_key).public_data
    except asyncssh.KeyImportError:
        raise ValueError(f"netconf_users: {user.name}: public_key is no line as in authorized_keys") from None
