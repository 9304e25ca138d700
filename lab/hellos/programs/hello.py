"""One handshake of this Python: HOST PORT, and the library: ssl (http.client) or requests."""

import importlib
import sys

host, port, library = sys.argv[1:4]
if library == "requests":
    importlib.import_module("requests").get(f"https://{host}:{port}/", timeout=5)
else:
    import http.client
    import ssl

    http.client.HTTPSConnection(host, int(port), timeout=5, context=ssl.create_default_context()).request("GET", "/")
