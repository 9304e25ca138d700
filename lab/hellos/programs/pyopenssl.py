"""One handshake of the OpenSSL that a wheel of `cryptography` holds, with the library's own defaults: HOST PORT, or nothing for its version."""

import socket
import sys

from OpenSSL import SSL

if len(sys.argv) == 1:
    print(SSL.SSLeay_version(SSL.SSLEAY_VERSION).decode())
    sys.exit()
host, port = sys.argv[1:3]
context = SSL.Context(SSL.SSLv23_METHOD)
context.set_options(SSL.OP_NO_SSLv2 | SSL.OP_NO_SSLv3)
context.set_default_verify_paths()  # SSL_CERT_FILE
context.set_verify(SSL.VERIFY_PEER, lambda connection, certificate, error, depth, ok: bool(ok))
connection = SSL.Connection(context, socket.create_connection((host, int(port)), 5))
connection.setblocking(1)
connection.set_tlsext_host_name(host.encode())
connection.set_connect_state()
connection.do_handshake()
connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
