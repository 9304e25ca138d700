"""One handshake of wolfSSL as Debian builds it, through ctypes: HOST PORT, or nothing for its version."""

import ctypes
import ctypes.util
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
session = tls.wolfSSL_new(ctypes.c_void_p(context))
with socket.create_connection((host, int(port)), 5) as connection:
    tls.wolfSSL_UseSNI(ctypes.c_void_p(session), 0, host.encode(), len(host))
    tls.wolfSSL_set_fd(ctypes.c_void_p(session), connection.fileno())
    tls.wolfSSL_connect(ctypes.c_void_p(session))
