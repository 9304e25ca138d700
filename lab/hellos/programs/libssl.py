"""One handshake of any libssl from 1.0.1 on, with the library's own defaults: FOLDER HOST PORT.

The folder holds libssl and libcrypto as wheels of Python packages bring them. Nothing of it needs a compiler: SSL_connect is called
through ctypes.
"""

import ctypes
import os
import re
import socket
import sys
from pathlib import Path


def library(folder: str, name: str) -> Path:
    """The shared library of that name."""
    return next(p for p in sorted(Path(folder).rglob(f"lib{name}*")) if re.match(rf"lib{name}[-.]", p.name))


def version(crypto: ctypes.CDLL) -> str:
    """What the library calls itself."""
    function = getattr(crypto, "OpenSSL_version", None) or crypto.SSLeay_version
    function.restype = ctypes.c_char_p
    return str(function(0).decode())


def main(folder: str, host: str = "", port: str = "0") -> None:
    """Connect, or with no host print the version."""
    home = str(library(folder, "ssl").parent)
    if os.environ.get("LD_LIBRARY_PATH") != home:  # which the loader reads once, at the start
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "LD_LIBRARY_PATH": home})
    crypto, tls = (ctypes.CDLL(str(library(folder, name)), mode=ctypes.RTLD_GLOBAL) for name in ("crypto", "ssl"))
    if not host:
        print(version(crypto))
        return
    try:
        method = tls.TLS_client_method
    except AttributeError:  # before 1.1.0
        tls.SSL_library_init()
        method = tls.SSLv23_client_method
    for function in (method, tls.SSL_CTX_new, tls.SSL_new):
        function.restype = ctypes.c_void_p
    context = tls.SSL_CTX_new(ctypes.c_void_p(method()))
    if method.__name__.startswith("SSLv23"):
        tls.SSL_CTX_ctrl(ctypes.c_void_p(context), 32, 0x03000000, None)  # SSL_OP_NO_SSLv2 | SSL_OP_NO_SSLv3: what every program sets
    tls.SSL_CTX_set_default_verify_paths(ctypes.c_void_p(context))  # SSL_CERT_FILE
    tls.SSL_CTX_set_verify(ctypes.c_void_p(context), 1, None)
    session = tls.SSL_new(ctypes.c_void_p(context))
    with socket.create_connection((host, int(port)), 5) as connection:
        connection.settimeout(None)  # with one, the socket does not block, and the library is told to come back
        tls.SSL_ctrl(ctypes.c_void_p(session), 55, 0, host.encode())  # SSL_CTRL_SET_TLSEXT_HOSTNAME
        tls.SSL_set_fd(ctypes.c_void_p(session), connection.fileno())
        if tls.SSL_connect(ctypes.c_void_p(session)) == 1:
            tls.SSL_write(ctypes.c_void_p(session), b"GET / HTTP/1.0\r\n\r\n", 18)


if __name__ == "__main__":
    main(*sys.argv[1:])
