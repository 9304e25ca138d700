"""Single settings of the machines: what a properties file, ``java.security`` or the Router's nginx says, with file and line.

The same setting has several spellings: ``conf_system_jsse.enableSNIExtension`` and ``conf/system.properties+jsse.enableSNIExtension`` in the file
that a customer writes, ``jsse.enableSNIExtension`` in ``system.properties`` itself. What the customer writes counts before what was installed.

Names that are not documented where we could read it, and are looked for all the same: ``https.protocols``, ``jdk.tls.disabledAlgorithms`` behind
``conf_jvmsecurity_`` and the ciphers of ``message-processor-communication``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from whytls.pki.store import Place

Component = Literal["router", "message-processor", "management-server", ""]  # "": the file does not tell

SNI = "jsse.enableSNIExtension"
CLIENT_PROTOCOLS = ("jdk.tls.client.protocols", "https.protocols")
DISABLED_ALGORITHMS = "jdk.tls.disabledAlgorithms"
ROUTER_PROTOCOLS = "load.balancing.driver.server.ssl.protocols"
ROUTER_CIPHERS = "load.balancing.driver.server.ssl.ciphers"


class Setting(NamedTuple):
    """One setting as it was found."""

    token: str  # without the prefix for the file that it ends up in
    value: str
    place: Place
    component: Component = ""
    of_customer: bool = False  # from customer/application, which counts before what was installed
    target: str = ""  # the file that it ends up in: system, load_balancing, jvmsecurity

    def __str__(self) -> str:
        return f"{self.token}={self.value}"


def find(settings: Sequence[Setting], token: str, component: Component = "") -> Setting | None:
    """The setting that counts: the customer's before the installed one, the last in a file before earlier ones.

    One whose file does not tell whose it is fits every component.
    """
    fitting = [s for s in settings if s.token.lower() == token.lower() and (not component or s.component in ("", component))]
    own = [s for s in fitting if s.of_customer]
    return (own or fitting)[-1] if fitting else None


def sends_server_name(settings: Sequence[Setting]) -> tuple[bool, Setting] | None:
    """Whether the Message Processor sends a server name, and what says so; None: no file says it, and releases differ in their default."""
    found = find(settings, SNI, "message-processor")
    if found is None:
        return None
    return found.value.strip().lower() != "false", found  # Java: everything but false is true (sun.security.ssl.ClientHandshaker)


def disabled_algorithms(settings: Sequence[Setting]) -> tuple[tuple[str, ...], Setting] | None:
    """What Java does not use in TLS, and what says so; None: no file says it."""
    found = find(settings, DISABLED_ALGORITHMS)
    return None if found is None else (tuple(word.strip() for word in found.value.split(",") if word.strip()), found)
