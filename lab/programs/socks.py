"""An HTTPS request through a SOCKS 4 proxy: PROXY:PORT TARGET:PORT ANCHORS."""

import socket
import ssl
import sys

proxy, proxy_port = sys.argv[1].split(":")
target, target_port = sys.argv[2].split(":")
connection = socket.create_connection((proxy, int(proxy_port)), 8)
connection.sendall(b"\x04\x01" + int(target_port).to_bytes(2, "big") + socket.inet_aton(socket.gethostbyname(target)) + b"till\0")
answer = connection.recv(8)
if answer[1] != 0x5A:
    sys.exit(f"request rejected: {answer[1]}")
try:
    secured = ssl.create_default_context(cafile=sys.argv[3]).wrap_socket(connection, server_hostname=target)
    secured.sendall(f"GET / HTTP/1.0\r\nHost: {target}\r\n\r\n".encode())
    print(secured.recv(2000).decode())
except OSError as error:
    print(error, file=sys.stderr)
    sys.exit(1)
