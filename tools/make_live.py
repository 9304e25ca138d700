"""Writes into docs/probe.md and docs/replay.md what their commands say, run against real servers on loopback (lab/live).

A command is an indented line `$ whytls probe ...` or `$ whytls replay ...`; what is indented below it is its output. The servers bear the
names of the page: where they really listen, how long it took, what was made up for one run and until when the certificates are valid is
written as if it never changed. --check only says whether the pages still show what the commands give.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from lab.live.papers import Papers, papers  # noqa: E402
from lab.live.serve import TLS10, TLS12, Serve, running  # noqa: E402

from whytls.cli.main import main as whytls  # noqa: E402

PAGES = (ROOT / "docs/probe.md", ROOT / "docs/replay.md")
COMMAND = re.compile(r"^    \$ whytls ((?:probe|replay|diagnose) .*)\n\n(?:(?:    .*)?\n)*(?=\S)", re.MULTILINE)
CAPTURES = {
    "edge.pcap": "sni-missing--southbound-strict-haproxy-backend",
    "partner.pcap": "cipher-mismatch--handshake-failure-without-name-alone",
}
SHOP, PARTNER, OLD, BACKEND, ORDERS = "shop.maple.test", "partner.maple.test", "old.maple.test", "10.20.9.12:8443", "orders.maple.test"


def servers(issued: Papers) -> dict[str, Serve]:
    """The servers of the pages, by the place that the pages give them."""
    shop, orders = issued.both(SHOP), issued.server(ORDERS)
    return {
        f"{SHOP}:443": Serve("nginx", shop, names={SHOP: shop}, unknown_name="reject", no_name="reject", alpn=("h2", "http/1.1"), order="server"),
        f"{PARTNER}:443": Serve("nginx", (issued.server(PARTNER),), client_auth="required", client_ca=issued.anchor),
        f"{OLD}:443": Serve("openssl", (issued.server(OLD),), versions=(TLS10,)),
        BACKEND: Serve("nginx", (orders,), names={ORDERS: (orders,)}, unknown_name="reject", no_name="reject"),
        "10.20.9.12:443": Serve("openssl", (orders,), versions=(TLS12,), suites=("ECDHE-RSA-AES256-GCM-SHA384",)),
    }


@contextlib.contextmanager
def listening() -> Iterator[dict[str, str]]:
    """Where each of them really listens; the captures of the pages lie in the working directory."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as open_ones, contextlib.chdir(name):
        for file, scenario in CAPTURES.items():
            shutil.copy(ROOT / "tests/corpus" / scenario / "capture.pcap", file)
        issued = papers(Path(name))
        found = {}
        for place, serve in servers(issued).items():
            server = open_ones.enter_context(running(serve))
            found[place] = f"{server.address}:{server.port}"
        yield found


class _Terminal(io.StringIO):
    """What a terminal of that width shows."""

    def isatty(self) -> bool:
        """Lines are as long as it is wide."""
        return True


def said(command: str, places: dict[str, str]) -> str:
    """What the command says, told of the servers of the page."""
    words: list[str] = []
    for word in shlex.split(command):
        place = word if word in places else f"{word}:443"
        words += [places[place], *(["--name", word.partition(":")[0]] if words[:1] == ["probe"] else [])] if place in places else [word]
    out = _Terminal()
    os.environ["COLUMNS"] = "130"
    with contextlib.redirect_stdout(out):
        whytls([*words, "--color", "never"])
    text = out.getvalue()
    for place, real in places.items():
        text = text.replace(real, place)
    return steady(text)


def steady(text: str) -> str:
    """Without what differs from run to run."""
    text = re.sub(r"\b\d+\.\d\d s$", "0.2 s", text, flags=re.MULTILINE)
    text = re.sub(r"whytls-[0-9a-f]{8}", "whytls-5ae354df", text)
    return re.sub(r"until \d{4}-\d\d-\d\d", "until 2027-01-15", text)


def main(arguments: Sequence[str]) -> int:
    """Write, or compare."""
    stale = 0
    with listening() as places:
        for page in PAGES:
            text = page.read_text()

            def shown(match: re.Match[str]) -> str:
                lines = [f"    {line}" if line else "" for line in said(match[1], places).rstrip().split("\n")]
                return "\n".join([f"    $ whytls {match[1]}", "", *lines, "", ""])

            wanted = COMMAND.sub(shown, text)
            if "--check" in arguments and text != wanted:
                print(f"{page.relative_to(ROOT)} shows another output than the commands give: run tools/make_live.py", file=sys.stderr)
                stale = 1
            elif text != wanted:
                page.write_text(wanted)
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
