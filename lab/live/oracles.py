"""What other scanners say about a server, as numbers: sslscan's XML, testssl's and sslyze's JSON, and our own for comparison.

They are programs that are run, never imported. What they do not ask is no answer: testssl 3.0 lists groups only with ``-f`` and of
all versions together, sslyze only those that make an elliptic curve, sslscan no SSL 2 suites.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

from whytls.wire import numbers, registry

LIMIT = 300  # seconds for one run; testssl takes minutes where everything is on
_SSLSCAN_VERSIONS = {"SSLv3": 0x0300, "TLSv1.0": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}
_TESTSSL_VERSIONS = {"ssl3": 0x0300, "tls1": 0x0301, "tls1_1": 0x0302, "tls1_2": 0x0303, "tls1_3": 0x0304}
_SSLYZE_VERSIONS = {"ssl_3_0": 0x0300, "tls_1_0": 0x0301, "tls_1_1": 0x0302, "tls_1_2": 0x0303, "tls_1_3": 0x0304}
_OTHER_GROUP_NAMES = {"prime256v1": 0x0017, "prime192v1": 0x0013}  # OpenSSL's words for secp256r1 and secp192r1


class Seen(NamedTuple):
    """What a scanner found: the suites of each version that is accepted, in the scanner's order; groups of all versions together."""

    suites: Mapping[int, tuple[int, ...]]
    groups: frozenset[int] = frozenset()

    @property
    def sets(self) -> dict[int, frozenset[int]]:
        """The suites without their order, to be compared."""
        return {version: frozenset(suites) for version, suites in self.suites.items()}

    @property
    def total(self) -> int:
        """How many suites, those of each version counted."""
        return sum(map(len, self.suites.values()))


def ask_sslscan(address: str, port: int, *options: str) -> Seen:
    """Runs sslscan; CalledProcessError or TimeoutExpired where that fails, ValueError where its answer cannot be read."""
    line = ["sslscan", "--xml=-", "--no-colour", *options, place(address, port)]
    return read_sslscan(subprocess.run(line, capture_output=True, timeout=LIMIT, check=True).stdout)


def ask_testssl(address: str, port: int, *options: str) -> Seen:
    """Runs testssl, by default for versions and suites (-p -E); errors as for ask_sslscan."""
    with tempfile.TemporaryDirectory(prefix="live-") as folder:
        path = Path(folder) / "testssl.json"
        line = line_of_testssl(address, port, path, *(options or ("-p", "-E")))
        subprocess.run(line, capture_output=True, stdin=subprocess.DEVNULL, timeout=LIMIT, check=False)  # its exit status counts findings
        if not path.exists():
            raise ValueError("testssl wrote no answer")
        return read_testssl(path.read_bytes())


def line_of_testssl(address: str, port: int, answer: Path, *options: str) -> list[str]:
    """Its command line: no colours, no questions, no look-up of the address."""
    return ["testssl", "--color", "0", "--warnings", "off", "-n", "none", "--jsonfile", str(answer), *options, place(address, port)]


def place(address: str, port: int) -> str:
    """Address and port as all of them take it."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


# ------------------------------------------------------------------ reading


def read_sslscan(text: bytes) -> Seen:
    """sslscan's XML; ValueError where it is not that."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"sslscan wrote no XML: {error}") from None
    found: dict[int, list[int]] = {}
    for cipher in root.iter("cipher"):
        version = _known(_SSLSCAN_VERSIONS, cipher.get("sslversion", ""))
        found.setdefault(version, []).append(int(cipher.get("id", ""), 16))
    return Seen(_tuples(found), frozenset(int(group.get("id", ""), 16) for group in root.iter("group")))


def read_testssl(text: bytes) -> Seen:
    """testssl's flat JSON (``--jsonfile``), of 3.0 and 3.2; ValueError where it is not that."""
    found: dict[int, list[int]] = {}
    groups: set[int] = set()
    for finding in _json(text, list, "testssl"):
        if not isinstance(finding, dict):
            raise ValueError("testssl's answer has another form than expected")
        name = str(finding.get("id", ""))
        if match := re.fullmatch(r"cipher-(ssl3|tls1(?:_[123])?)_x([0-9a-f]{2,4})", name):
            found.setdefault(_TESTSSL_VERSIONS[match[1]], []).append(int(match[2], 16))
        elif re.fullmatch(r"P?FS_(ECDHE_curves|KEMs)|DH_groups", name):
            groups.update(_groups(str(finding.get("finding", "")).split()))
    return Seen(_tuples(found), frozenset(groups))


def read_sslyze(text: bytes) -> Seen:
    """sslyze's JSON (``--json_out``) of one server; ValueError where it is not that."""
    document = _json(text, dict, "sslyze")
    try:
        result = document["server_scan_results"][0]["scan_result"]
        suites = {}
        for name, version in _SSLYZE_VERSIONS.items():
            accepted = (result[f"{name}_cipher_suites"]["result"] or {}).get("accepted_cipher_suites", [])
            if accepted:
                suites[version] = tuple(_suite(one["cipher_suite"]["name"]) for one in accepted)
        curves = (result["elliptic_curves"]["result"] or {}).get("supported_curves") or []
        return Seen(suites, frozenset(_groups(curve["name"] for curve in curves)))
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"sslyze's answer has another form than expected: {error!r}") from None


def read_probe(text: bytes) -> Seen:
    """What `whytls probe --format json` wrote of one server; ValueError where it is not that."""
    document = _json(text, dict, "whytls")
    try:
        [server] = document["servers"]
        versions = {one["number"]: tuple(suite["number"] for suite in one["suites"]) for one in server["versions"] if one["suites"]}
        return Seen(versions, frozenset(group["number"] for group in server["groups"]))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"whytls' answer has another form than expected: {error!r}") from None


def _json(text: bytes, kind: type, who: str) -> Any:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{who} wrote no JSON: {error}") from None
    if not isinstance(document, kind):
        raise ValueError(f"{who} wrote a JSON {type(document).__name__}")
    return document


def _known(table: Mapping[str, int], name: str) -> int:
    if name not in table:
        raise ValueError(f"no version is called {name!r}")
    return table[name]


def _suite(name: str) -> int:
    number = registry.suite_number(name)
    if number is None:
        raise ValueError(f"no cipher suite is called {name}")
    return number


def _groups(names: Iterable[str]) -> set[int]:
    lower = {label.lower(): number for number, label in numbers.GROUPS.items()} | _OTHER_GROUP_NAMES
    return {lower[name.lower()] for name in names if name.lower() in lower}


def _tuples(found: Mapping[int, list[int]]) -> dict[int, tuple[int, ...]]:
    return {version: tuple(suites) for version, suites in found.items()}
