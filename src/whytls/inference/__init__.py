"""How a handshake ended, what the recording tells of its server, and what TLS 1.3 cannot hide."""
