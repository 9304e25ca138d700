"""An HTTPS client: one GET with the standard library, every option of the context spelled out on the command line."""

import argparse
import http.client
import ssl
import sys
import time

parser = argparse.ArgumentParser()
parser.add_argument("host")
parser.add_argument("port", type=int)
parser.add_argument("--ca")
parser.add_argument("--cert")
parser.add_argument("--key")
parser.add_argument("--ciphers")
parser.add_argument("--least", default="TLSv1_2")
parser.add_argument("--most", default="TLSv1_3")
parser.add_argument("--path", default="/")
parser.add_argument("--hold", type=float, default=0, help="keep the connection open so long after the answer")
parser.add_argument("--timeout", type=float, default=10)
given = parser.parse_args()

context = ssl.create_default_context(cafile=given.ca)
context.minimum_version = ssl.TLSVersion[given.least]
context.maximum_version = ssl.TLSVersion[given.most]
if given.ciphers:
    context.set_ciphers(given.ciphers)
if given.cert:
    context.load_cert_chain(given.cert, given.key)
try:
    connection = http.client.HTTPSConnection(given.host, given.port, timeout=given.timeout, context=context)
    connection.request("GET", given.path)
    answer = connection.getresponse()
    print(answer.status, answer.reason)
    print(answer.read(300).decode(errors="replace"))
    time.sleep(given.hold)
except (OSError, http.client.HTTPException) as error:
    print(type(error).__name__, error, file=sys.stderr)
    sys.exit(1)
