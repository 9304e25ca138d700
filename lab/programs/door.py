"""A server that turns everybody away: it accepts a connection and closes it at once, as one does that is out of workers."""

import socket
import sys
import time

listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
end = time.monotonic() + 60
listener.settimeout(1)
while time.monotonic() < end:
    try:
        listener.accept()[0].close()
    except TimeoutError:
        continue
