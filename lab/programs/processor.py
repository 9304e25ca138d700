"""A Message Processor: plain HTTP in, Python's ssl out; answers 503 with the reason."""

import argparse
import http.client
import http.server
import ssl
import sys

parser = argparse.ArgumentParser()
parser.add_argument("listen")
parser.add_argument("port", type=int)
parser.add_argument("target")
parser.add_argument("target_port", type=int)
parser.add_argument("--ca")
parser.add_argument("--most", default="TLSv1_3")
given = parser.parse_args()
context = ssl.create_default_context(cafile=given.ca)
context.maximum_version = ssl.TLSVersion[given.most]


class Handler(http.server.BaseHTTPRequestHandler):
    """One request in, one request out."""

    def do_GET(self) -> None:
        """Ask the target."""
        try:
            call = http.client.HTTPSConnection(given.target, given.target_port, timeout=5, context=context)
            call.request("GET", self.path, headers={"Connection": "close"})
            status, body = 200, call.getresponse().read()
        except OSError as error:
            print(error, file=sys.stderr, flush=True)
            status, body = 503, f"SSL Handshake failed {error}\n".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http.server.ThreadingHTTPServer((given.listen, given.port), Handler).serve_forever()
