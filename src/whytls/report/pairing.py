"""A pair of stores in words: the verdict, what decides, what to do in which store, what each stack does and sends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from whytls.pki.pair import Anchor, Mend, PairReport
from whytls.pki.repair import Missing
from whytls.pki.stacks import Decision
from whytls.report.chain import draw, note
from whytls.report.terminal import PLAIN, Style
from whytls.report.visible import clipped
from whytls.wire.registry import alert_name


class Names(NamedTuple):
    """How the two sides are called: client, Router, Message Processor, backend."""

    presents: str = "the side that presents"
    trusts: str = "the side that trusts"


CONDITIONS = {
    "no-other-path": "unless it knows another certificate of that name and key",
    "not-pinned": "unless this very certificate is in its truststore",
    "not-cached-or-fetched": "unless it fetches or remembers the issuer",
    "host-name-checked": "where it compares the host name",
    "revocation-checked": "where it checks revocation, and knows this",
    "verify-depth": "with its default depth",
    "security-level-2": "at OpenSSL's security level 2, the default of Debian, Ubuntu and RHEL",
    "": "",
}


def draw_pair(pair: PairReport, style: Style = PLAIN, names: Names = Names()) -> list[str]:  # noqa: B008  # immutable
    """The verdict, the chain with its break, what to do, and what each stack does, as lines."""
    mark, colour = {True: ("✓", "green"), False: ("✗", "red"), None: ("✗", "yellow")}[pair.accepted]
    lines = style.fit(verdict(pair, names), f"{mark} ", "  ")
    lines[0] = style.paint(mark, colour, "bold") + lines[0][1:]
    lines += ["", *draw(pair.report, style, statuses=pair.statuses), ""]
    for text in mends(pair, names):
        lines += style.tint(style.fit(text, "", "  "), "green")
    for decision in pair.decisions:
        lines += style.fit(by_stack(pair, decision), "  ", "    ")
    return [style.sign(line) for line in lines]


def verdict(pair: PairReport, names: Names = Names()) -> str:  # noqa: B008  # immutable
    """One sentence."""
    whose = f"what {names.presents} presents as TLS {pair.usage}"
    if pair.deciding is None:
        told = "accepts" if pair.accepted else "accepts, as far as is known,"
        return f"{names.trusts} {told} {whose}."
    why = note(pair.deciding, pair.at)
    if pair.accepted is False:
        return f"{names.trusts} refuses {whose}: {why}."
    refusing = ", ".join(d.stack for d in pair.decisions if d.accepts is False)
    return f"whether {names.trusts} accepts {whose} depends on its stack ({refusing} {'refuse' if ',' in refusing else 'refuses'}): {why}."


def mends(pair: PairReport, names: Names = Names()) -> Iterator[str]:  # noqa: B008  # immutable
    """What to do, one sentence each."""
    for mend in pair.mends:
        holder, store = (names.presents, "keystore") if mend.holder == "presents" else (names.trusts, "truststore")
        yield f"{'or' if mend.alternative else 'fix'} ({holder}, {store}): {_done(mend, pair)}"
    if pair.mends and pair.mended:
        yield "with that done, every stack accepts it."
    if pair.withheld:
        yield (
            f"note: {names.trusts} names no issuer of this certificate when it asks for one; Java, Go and NSS then send none at all, "
            "and the failure looks like a missing client certificate."
        )


def _done(mend: Mend, pair: PairReport) -> str:
    if mend.action == "upload-chain":
        count = len(pair.repair.chain)
        return f"upload the repaired chain: {count} {'certificate' if count == 1 else 'certificates'}, own certificate first{_differences(pair)}"
    if mend.action == "obtain-issuer":
        return f"obtain the issuer's certificate, then upload the chain: {_wanted(pair.repair.missing)}"
    if mend.action == "add-anchor":
        return f"add the root certificate {_anchor(pair.anchor)}, if that CA is to be trusted"
    if mend.action == "renew-anchor":
        return "replace the root certificate that is out of its time by its successor"
    if mend.action == "raise-depth":
        return "nginx follows one intermediate by default: raise ssl_verify_depth (proxy_ssl_verify_depth where nginx is the client)"
    if mend.action == "replace-intermediate":
        return "exchange the CA certificate at fault for a sound one of the same name and key; its CA publishes it"
    if mend.alternative:
        return "install a certificate from a CA that is trusted there already, with its chain"
    return {
        "revoked": "install a new certificate with its chain, for a new key",
        "no-certificate": "install a certificate with its key and chain",
    }.get(mend.slug, "install a new certificate without this fault, with its chain")


def _differences(pair: PairReport) -> str:
    parts = [(len(pair.repair.added), "added"), (len(pair.repair.dropped), "left out"), (len(pair.repair.moved), "moved")]
    told = ", ".join(f"{count} {word}" for count, word in parts if count)
    return f" ({told})" if told else ""


def _wanted(missing: Missing | None) -> str:
    if missing is None:
        return "it is not known which"
    key = f", key identifier {missing.key_id}" if missing.key_id else ""
    place = f", to be had at {clipped(missing.urls[0])}" if missing.urls else ""
    return f"{clipped(missing.subject)}{key}{place}"


def _anchor(anchor: Anchor | None) -> str:
    if anchor is None:
        return "of its chain"
    return clipped(anchor.subject) + (f" (SHA-256 {anchor.sha256})" if anchor.sha256 else " (not at hand)")


def by_stack(pair: PairReport, decision: Decision) -> str:
    """What one stack does, under which condition, and what is then seen on the wire."""
    if decision.accepts:
        return f"{decision.stack}: accepts"
    if decision.accepts is None:
        return f"{decision.stack}: not known" + (f" ({note(decision.deciding, pair.at)})" if decision.deciding else "")
    condition = CONDITIONS[decision.condition]
    told = f"{decision.stack}: refuses{f' {condition}' if condition else ''}"
    if decision.deciding is not None and decision.deciding != pair.deciding:
        told += f" ({note(decision.deciding, pair.at)})"
    sent = sorted(pair.alerts(decision.stack), key=lambda number: (number is None, number or 0))
    shown = " or ".join("no alert, it closes the connection" if n is None else f"{alert_name(n)} ({n})" for n in sent)
    return f"{told}; on the wire: {shown}" if shown else told
