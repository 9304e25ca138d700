"""A TLS server of several sites on Python's ssl: names from the command line, each with a certificate; no default site.

A ClientHello without a name, or with one that is not served, gets `handshake_failure`, as many an application server does.
"""

import argparse
import socket
import ssl
import threading

parser = argparse.ArgumentParser()
parser.add_argument("address")
parser.add_argument("port", type=int)
parser.add_argument("--site", action="append", required=True, help="NAME=CERTIFICATE,KEY")
parser.add_argument("--most", default="TLSv1_3")
parser.add_argument("--groups", default="")
given = parser.parse_args()


def context(certificate: str, key: str) -> ssl.SSLContext:
    """A server context for one site."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.maximum_version = ssl.TLSVersion[given.most]
    made.load_cert_chain(certificate, key)
    return made


sites = {name: context(*files.split(",")) for name, files in (site.split("=") for site in given.site)}


def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
    """Take the site's certificate, or refuse."""
    if name not in sites:
        return ssl.ALERT_DESCRIPTION_HANDSHAKE_FAILURE
    connection.context = sites[name]
    return None


first = next(iter(sites.values()))
first.sni_callback = choose


def serve(connection: socket.socket) -> None:
    """One request, one answer."""
    try:
        with first.wrap_socket(connection, server_side=True) as secured:
            secured.settimeout(5)
            secured.recv(4096)
            secured.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 12\r\n\r\nall is well\n")
    except OSError as error:
        print(error, flush=True)


listener = socket.create_server((given.address, given.port))
while True:
    peer, _ = listener.accept()
    peer.settimeout(5)
    threading.Thread(target=serve, args=(peer,), daemon=True).start()
