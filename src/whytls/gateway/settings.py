"""How the gateway is set up besides its resources: what stands in ``router.properties`` and ``message-processor.properties`` on Edge.

Documented, or reproduced: the protocols and ciphers of the Router, the SNI switch with its private-cloud default. From memory, and therefore
only defaults here: the time-outs, the depth to which the Router verifies, the JVM's list of disabled protocols.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from whytls.edge.resources import protocol
from whytls.exceptions import UsageError

Unmatched = Literal["refuse", "default"]
PROTOCOLS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")


class RouterSettings(NamedTuple):
    """The Router's own."""

    protocols: tuple[str, ...] = ("TLSv1", "TLSv1.1", "TLSv1.2")  # Edge's default; with 1.3 where OS and release have it
    ciphers: str = "HIGH:!aNULL:!MD5"  # OpenSSL's words
    unmatched: Unmatched = "refuse"  # a server_name of nobody: private cloud refuses, public cloud shows a default certificate
    default: tuple[str, str] = ("", "")  # keystore and alias of that certificate
    verify_depth: int = 10
    handshake_timeout: float = 60.0  # nginx's client_header_timeout
    header_timeout: float = 60.0
    keepalive_timeout: float = 65.0
    read_timeout: float = 57.0  # of a virtual host without proxy_read_timeout


class ProcessorSettings(NamedTuple):
    """The Message Processor's own."""

    sni: bool = False  # jsse.enableSNIExtension: off in private cloud unless set
    jvm: str = "java-8u442-message-processor"  # whose suites and versions are offered where the target names none
    disabled_protocols: tuple[str, ...] = ()  # of jdk.tls.disabledAlgorithms
    connect_timeout: float = 3.0
    handshake_timeout: float = 10.0
    io_timeout: float = 55.0
    keepalive_timeout: float = 60.0
    most_idle: int = 64  # connections kept to one target
    hosts: Mapping[str, str] = {}  # addresses of names, before the system is asked, as in /etc/hosts


class Settings(NamedTuple):
    """Both, and what is ours alone."""

    router: RouterSettings = RouterSettings()
    processor: ProcessorSettings = ProcessorSettings()
    cause_header: bool = False  # X-Whytls-Cause on answers to failures
    ports: Mapping[int, int] = {}  # where a virtual host's port is really listened on; 0: any free one
    listen: str = "127.0.0.1"


_ROUTER = "conf_load_balancing_load.balancing.driver."
SNI = "conf_system_jsse.enableSNIExtension"


def with_properties(settings: Settings, given: Mapping[str, str]) -> Settings:
    """Settings with the properties of an operator's override files, in either spelling of a token; others mean nothing here.

    Raises:
        UsageError: a value is none that the property can have.
    """
    router, processor = settings.router, settings.processor
    for name, value in given.items():
        which, value = _canonical(name), value.strip()
        if which == f"{_ROUTER}server.ssl.protocols":
            router = router._replace(protocols=protocols_of(value.replace(",", " ").split(), name))
        elif which == f"{_ROUTER}server.ssl.ciphers":
            router = router._replace(ciphers=value)
        elif which == SNI:
            processor = processor._replace(sni=_flag(value, name))
        elif which == "conf_jvmsecurity_jdk.tls.disabledAlgorithms":
            listed = [protocol(word.strip()) for word in value.split(",")]
            processor = processor._replace(disabled_protocols=tuple(word for word in listed if word in PROTOCOLS))
    return settings._replace(router=router, processor=processor)


def protocols_of(words: list[str], what: str) -> tuple[str, ...]:
    """Protocols by JSSE's names; SSLv2Hello and SSLv3 are known, and spoken by nobody here.

    Raises:
        UsageError: a word is no protocol.
    """
    found = [protocol(word) for word in words]
    wrong = next((word for word in found if word not in (*PROTOCOLS, "SSLv3", "SSLv2Hello")), None)
    if wrong is not None or not found:
        raise UsageError(f"{what}: {wrong or ''!r} is no protocol", hint=" ".join(PROTOCOLS))
    return tuple(word for word in found if word in PROTOCOLS)


def _canonical(name: str) -> str:
    """``conf/FILE.properties+TOKEN`` in its other spelling, ``conf_FILE_TOKEN``."""
    if name.startswith("conf/") and ".properties+" in name:
        file, _, token = name[5:].partition(".properties+")
        return f"conf_{file}_{token}"
    return name


def _flag(value: str, name: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise UsageError(f"{name}: {value[:20]!r} is neither true nor false")
    return value.lower() == "true"
