"""A server that accepts connections and never says a word: a hung process, as TCP sees it."""

import socket
import sys
import time

listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
kept = []
end = time.monotonic() + 60
listener.settimeout(1)
while time.monotonic() < end:
    try:
        kept.append(listener.accept())
    except TimeoutError:
        continue
