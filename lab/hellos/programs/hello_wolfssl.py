"""One handshake of wolfSSL as Debian builds it, through ctypes: HOST PORT, or nothing for its version."""

import ctypes
import ctypes.util
import os
import socket
import sys

tls = ctypes.CDLL(ctypes.util.find_library("wolfssl"))
tls.wolfSSL_lib_version.restype = ctypes.c_char_p
if len(sys.argv) == 1:
    print(f"wolfSSL {tls.wolfSSL_lib_version().decode()}")
    sys.exit()
host, port = sys.argv[1:3]
for function in (tls.wolfSSLv23_client_method, tls.wolfSSL_CTX_new, tls.wolfSSL_new):
    function.restype = ctypes.c_void_p
context = tls.wolfSSL_CTX_new(ctypes.c_void_p(tls.wolfSSLv23_client_method()))
if os.environ.get("SSL_CERT_FILE"):
    tls.wolfSSL_CTX_load_verify_locations(ctypes.c_void_p(context), os.environ["SSL_CERT_FILE"].encode(), None)
session = tls.wolfSSL_new(ctypes.c_void_p(context))
with socket.create_connection((host, int(port)), 5) as connection:
    connection.settimeout(None)  # with one, the socket does not block, and the library is told to come back
    tls.wolfSSL_UseSNI(ctypes.c_void_p(session), 0, host.encode(), len(host))
    tls.wolfSSL_set_fd(ctypes.c_void_p(session), connection.fileno())
    if tls.wolfSSL_connect(ctypes.c_void_p(session)) == 1:
        tls.wolfSSL_write(ctypes.c_void_p(session), b"GET / HTTP/1.0\r\n\r\n", 18)
