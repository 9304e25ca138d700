"""One handshake of Mbed TLS: HOST PORT, or nothing for its version."""

import importlib
import socket
import sys

tls = importlib.import_module("mbedtls.tls")
if len(sys.argv) == 1:
    print(importlib.import_module("mbedtls.version").version)
    sys.exit()
host, port = sys.argv[1:3]
context = tls.ClientContext(tls.TLSConfiguration(validate_certificates=False))
connection = context.wrap_socket(socket.create_connection((host, int(port)), 5), server_hostname=host)
connection.do_handshake()
connection.send(b"GET / HTTP/1.0\r\n\r\n")
