"""Puts a failure into words for everybody who asks: the trace, Edge's own log, the header of the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from whytls.gateway.environment import Environment
from whytls.gateway.faults import Fault, alerted
from whytls.gateway.tap import Tap
from whytls.gateway.tls import Peer
from whytls.gateway.trace import Trace
from whytls.gateway.verdicts import Known, Verdicts
from whytls.model import AtRest, Diagnosis, Endpoint
from whytls.report.moments import iso
from whytls.wire.message import Alert
from whytls.wire.registry import suite_name, version_name

if TYPE_CHECKING:
    from whytls.gateway.processor import Call, Route
    from whytls.gateway.target import Backend


_OVERHEAD = 24


class Failure(NamedTuple):
    """What was found out about one failure."""

    number: int  # in the trace; 0: not there yet
    diagnosis: Diagnosis | None

    @property
    def header(self) -> bytes:
        """The value of X-Whytls-Cause."""
        told = self.diagnosis
        if told is None or told.cause is None:
            return b"none"
        detail = f"; detail={told.detail}" if told.detail else ""
        number = f"; trace={self.number}" if self.number else ""
        return f"{told.cause}{detail}; hop={told.hop}; confidence={told.confidence}{number}".encode("ascii", "replace")


class Reporter:
    """Where all failures of one gateway are reported."""

    def __init__(self, environment: Environment, trace: Trace) -> None:
        self.environment, self.trace, self.verdicts = environment, trace, Verdicts()

    def update(self, environment: Environment) -> None:
        """The configuration changed: what was learned of the machines may no longer be so."""
        self.environment = environment
        self.verdicts.forget()

    def completed(self, tap: Tap) -> None:
        """A handshake went well."""
        self.verdicts.completed(tap)

    def southbound(
        self, *, call: Call, route: Route, place: Backend, fault: Fault | None, tap: Tap | None, peer: Peer | None, stores: AtRest, server_name: str
    ) -> Failure | None:
        """A call to a target failed, or was answered with a 400 that may be about TLS (``fault`` None: then only a cause counts)."""
        known = Known("southbound", client_stores=stores, waiting=call.passed)
        diagnosis = self.verdicts.failed(tap, known, peer.secrets if peer is not None else None) if tap is not None else None
        if fault is None and (diagnosis is None or diagnosis.cause is None):
            return None
        cause = _words(fault, diagnosis)
        entry = {
            **self._common(call.identifier, "southbound"), "virtual_host": call.virtual_host, "proxy": route.proxy.name,
            "revision": route.proxy.revision, "target_endpoint": route.endpoint.name, "target_server": place.server, "target.url": str(place),
            "keystore": _store(place, "key_store"), "alias": _store(place, "key_alias"), "truststore": _store(place, "trust_store"),
            "server_name": server_name, "resolvedAddress": str(tap.server) if tap is not None else None, "isTlsEnabled": place.tls is not None,
            "tlsHandshakeStatus": "COMPLETED" if _completed(diagnosis) else "FAILED" if place.tls is not None and tap is not None else None,
            **_negotiated(diagnosis), "status": fault.status if fault is not None else 400, "fault": fault.code if fault is not None else None,
            "faultstring": fault.words if fault is not None else None, "error.cause": cause,
            "client_certificate_withheld": bool(peer is not None and peer.withheld),
            "log": self._log_line(call, route, tap, cause) if fault is not None and tap is not None else None,
        }  # fmt: skip
        return Failure(self.trace.add(entry, diagnosis)["number"], diagnosis)

    def northbound(
        self, *, tap: Tap, peer: Peer | None, virtual_host: str, server_name: str | None, stores: AtRest, status: int | None, log: str,
        only_with_cause: bool = False,
    ) -> Failure | None:  # fmt: skip
        """A client's connection failed; ``status`` is that of the page that it got, if any."""
        diagnosis = self.verdicts.failed(tap, Known("northbound", server_stores=stores), peer.secrets if peer is not None else None)
        if (diagnosis is None or diagnosis.cause is None) and only_with_cause:
            return None
        entry = {
            **self._common("", "northbound"), "virtual_host": virtual_host, "server_name": server_name, "client": str(tap.client),
            "status": status, **_negotiated(diagnosis), "log": log,
        }  # fmt: skip
        return Failure(self.trace.add(entry, diagnosis)["number"], diagnosis)

    def foreseen(self, *, tap: Tap, peer: Peer | None, stores: AtRest, answer: bytes) -> Failure:
        """What will be said of a client's connection when it was answered so and closed."""
        known, secrets = Known("northbound", server_stores=stores), peer.secrets if peer is not None else None
        # of what is encrypted only the length can be foreseen, which an AEAD adds this much to in TLS 1.2
        sealed = len(answer) + _OVERHEAD
        sent = answer if peer is None else b"\x17\x03\x03" + sealed.to_bytes(2, "big") + bytes(sealed)
        return Failure(0, self.verdicts.foreseen(tap, known, secrets, sent))

    def _common(self, identifier: str, hop: str) -> dict[str, Any]:
        environment = self.environment
        return {
            "time": iso(_now()), "messageid": identifier, "organization": environment.organization, "environment": environment.name, "hop": hop,
        }  # fmt: skip

    def _log_line(self, call: Call, route: Route, tap: Tap, cause: str) -> str:
        """As it stands in a Message Processor's system.log."""
        ours, theirs = tap.client, tap.server
        environment = self.environment
        return (
            f"{iso(_now())} org:{environment.organization} env:{environment.name} api:{route.proxy.name} rev:{route.proxy.revision} "
            f"messageid:{call.identifier} NIOThread@0 ERROR HTTP.CLIENT - HTTPClient$Context.handshakeFailed() : "
            f"SSLClientChannel[C:{_place(ours)} Remote host:{_place(theirs)}] handshake failed, message: {cause}"
        )


def _words(fault: Fault | None, diagnosis: Diagnosis | None) -> str:
    """Java's words: for an alert of the peer those that name it."""
    handshake = diagnosis.handshake if diagnosis is not None else None
    if handshake is not None:
        alert = next((event.value for event in reversed(handshake.events) if event.kind == "alert" and event.sender == "server"), None)
        if isinstance(alert, Alert):
            return alerted(alert.description) if alert.description else "Received close_notify during handshake"
    return fault.cause if fault is not None else ""


def _negotiated(diagnosis: Diagnosis | None) -> dict[str, str | None]:
    handshake = diagnosis.handshake if diagnosis is not None else None
    hello = handshake.server_hello if handshake is not None else None
    return {
        "actualTlsProtocol": version_name(hello.version) if hello is not None else None,
        "actualCipherSuite": suite_name(hello.cipher_suite) if hello is not None else None,
    }


def _completed(diagnosis: Diagnosis | None) -> bool:
    return diagnosis is not None and diagnosis.handshake is not None and diagnosis.handshake.outcome == "completed"


def _store(place: Backend, field: str) -> str:
    return getattr(place.tls, field) if place.tls is not None else ""


def _place(end: Endpoint) -> str:
    return f"{end.address}:{end.port}"


def _now() -> int:
    from time import time_ns

    return time_ns()
