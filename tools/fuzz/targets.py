"""The functions of ours that take bytes from somebody else, each with seeds and a way to change them.

A target's ``run`` raises whatever its function raises: our own errors are answers, anything else is a finding. What a parser
promises besides (places inside the buffer, pieces that do not overlap) is asserted there too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tools.fuzz import capture_targets as capture
from tools.fuzz import checking_targets as checking
from tools.fuzz import judging_targets as judging
from tools.fuzz import mending_targets as mending
from tools.fuzz import pki_targets as pki
from tools.fuzz import probing_targets as probing
from tools.fuzz import seeds
from tools.fuzz import wire_targets as wire
from tools.fuzz.der import change_der
from tools.fuzz.frames import change_capture, change_pcapng
from tools.fuzz.items import Mutate, Run, anywhere, behind, change_items
from tools.fuzz.keystore import change_keystore
from tools.fuzz.streams import change_stream


@dataclass(frozen=True, slots=True)
class Target:
    """One function under test. ``make`` imports it, so that it is imported instrumented."""

    make: Callable[[], Run]
    seeds: Callable[[], list[bytes]]
    mutate: Mutate
    longest: int = 4096


TARGETS: dict[str, Target] = {
    "pcap": Target(capture.pcap, lambda: list(seeds.captures()), partial(change_capture, payload=change_stream), 16384),
    "pcapng": Target(capture.pcapng, seeds.pcapngs, change_pcapng, 16384),
    "compressed": Target(capture.compressed, capture.compressed_seeds, anywhere),
    "locate": Target(capture.locate, capture.located_seeds, partial(behind, 2, inner=change_items)),
    "tcp": Target(capture.tcp, capture.segment_seeds, change_items),
    "prelude": Target(capture.prelude, capture.prelude_seeds, change_items),
    "record": Target(wire.record, lambda: list(seeds.streams()), change_stream),
    "sslv2": Target(wire.sslv2, lambda: wire.SSLV2, anywhere, 1024),
    "message": Target(wire.message, wire.message_seeds, wire.change_read),
    "extension": Target(wire.extension, seeds.extension_bodies, partial(behind, 2), 1024),
    "certificate": Target(pki.certificate, lambda: [c for chain in seeds.certificates() for c in chain], change_der),
    "chain": Target(pki.chain, pki.chain_seeds, partial(change_items, item=change_der), 8192),
    "crl": Target(mending.revocation, mending.list_seeds, change_der),
    "ocsp": Target(mending.revocation, mending.response_seeds, change_der),
    "answer": Target(mending.answer, mending.answer_seeds, change_der),
    "repair": Target(mending.repair, pki.chain_seeds, partial(change_items, item=change_der), 8192),
    "pair": Target(mending.pair, pki.chain_seeds, partial(change_items, item=change_der), 8192),
    "name": Target(pki.name, lambda: pki.NAMES, anywhere, 512),
    "jks": Target(*pki.STORE_TARGETS["jks"], change_keystore, 8192),
    "pkcs12": Target(*pki.STORE_TARGETS["pkcs12"], change_der, 8192),
    "single": Target(*pki.STORE_TARGETS["single"], change_der, 8192),
    "pem": Target(*pki.STORE_TARGETS["pem"], pki.change_pem, 8192),
    "nginx": Target(*pki.STORE_TARGETS["nginx"], anywhere, 2048),
    "check": Target(checking.check, pki.chain_seeds, partial(change_items, item=change_der), 8192),
    "endpoint": Target(checking.endpoint, lambda: checking.ENDPOINTS, anywhere, 2048),
    "client": Target(probing.client, probing.client_seeds, partial(behind, 2, inner=change_stream), 8192),
    "dialogue": Target(probing.dialogue, lambda: probing.DIALOGUES, partial(behind, 2), 2048),
    "target": Target(probing.target, lambda: probing.TARGET_TEXTS, anywhere, 256),
    "capture": Target(judging.capture, seeds.all_captures, partial(change_capture, payload=change_stream), 16384),
    "verdict": Target(judging.verdict, seeds.all_captures, partial(change_capture, payload=change_stream), 16384),
}
