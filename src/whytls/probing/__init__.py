"""Our own handshakes with live servers: one connection per attempt, each of which becomes a Handshake like any other."""
