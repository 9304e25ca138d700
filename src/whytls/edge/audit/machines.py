"""Settings of the machines: what a properties file says that no single virtual host or target does."""

from __future__ import annotations

from collections.abc import Iterator

from whytls.edge.audit.result import Concern, Subject
from whytls.edge.audit.rules import minded
from whytls.edge.audit.virtual_hosts import OLD
from whytls.edge.environment import Environment
from whytls.edge.settings import CLIENT_PROTOCOLS, ROUTER_PROTOCOLS, SNI, Setting, find, sends_server_name
from whytls.edge.tlsinfo import protocol
from whytls.model import Evidence, Hop


def concerns(environment: Environment) -> Iterator[Concern]:
    """All of them; what no file says is no concern."""
    switch = sends_server_name(environment.settings)
    if switch is not None and not switch[0]:
        title = "the Message Processor sends no server name: backends that serve several sites refuse it, or show another site's certificate"
        yield minded("server-name-off", Subject("setting", SNI), "southbound", title, (_evidence(switch[1]),))
    listed: tuple[tuple[str, Hop], ...] = ((ROUTER_PROTOCOLS, "northbound"), *((token, "southbound") for token in CLIENT_PROTOCOLS))
    for token, hop in listed:
        setting = find(environment.settings, token, "router" if hop == "northbound" else "message-processor")
        if setting is None:
            continue
        old = [word for word in setting.value.replace(",", " ").split() if protocol(word) in OLD]
        if old:
            who = "every virtual host without a list of its own" if hop == "northbound" else "every target without a list of its own"
            yield minded("old-protocol", Subject("setting", token), hop, f"{', '.join(old)} for {who}", (_evidence(setting),))


def _evidence(setting: Setting) -> Evidence:
    return Evidence(str(setting), (), setting.place.file, None, setting.place.line)
