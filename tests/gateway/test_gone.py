"""Peers that are gone before the event loop knows."""

from __future__ import annotations

import asyncio
import socket

from whytls.gateway.channel import Channel


def test_our_fin_has_nowhere_to_go_where_the_peer_has_reset() -> None:
    """The system knows of the RST, the event loop has not looked yet: shutdown() says ENOTCONN."""

    async def run() -> Channel:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            peer = socket.create_connection(listener.getsockname())
            accepted, _ = listener.accept()
            channel = Channel("server")
            await asyncio.get_running_loop().connect_accepted_socket(lambda: channel, accepted)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            peer.close()
            channel.finish()
            await asyncio.wait_for(channel.gone.wait(), 5)
        return channel

    assert asyncio.run(run()).lost is not None
