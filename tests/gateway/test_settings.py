"""Properties of Edge's files as settings."""

from __future__ import annotations

import pytest

from whytls.exceptions import UsageError
from whytls.gateway.settings import Settings, with_properties

PROTOCOLS = "conf_load_balancing_load.balancing.driver.server.ssl.protocols"


def test_the_defaults_are_those_of_a_private_cloud() -> None:
    assert Settings().processor.sni is False
    assert Settings().router.unmatched == "refuse"
    assert Settings().listen == "127.0.0.1"


def test_both_spellings_of_a_token() -> None:
    for name in ("conf_system_jsse.enableSNIExtension", "conf/system.properties+jsse.enableSNIExtension"):
        assert with_properties(Settings(), {name: " true "}).processor.sni is True


def test_the_routers_protocols_and_ciphers() -> None:
    found = with_properties(Settings(), {PROTOCOLS: "TLSv1.0 TLSv1.2", PROTOCOLS.replace("protocols", "ciphers"): "A:B", "other": "x"})
    assert found.router.protocols == ("TLSv1", "TLSv1.2")
    assert found.router.ciphers == "A:B"


def test_disabled_algorithms_disable_protocols() -> None:
    found = with_properties(Settings(), {"conf_jvmsecurity_jdk.tls.disabledAlgorithms": "SSLv3, TLSv1, RC4, TLSv1.1"})
    assert found.processor.disabled_protocols == ("TLSv1", "TLSv1.1")


@pytest.mark.parametrize(("name", "value"), [(PROTOCOLS, "TLS1"), (PROTOCOLS, ""), ("conf_system_jsse.enableSNIExtension", "yes")])
def test_values_that_cannot_be(name: str, value: str) -> None:
    with pytest.raises(UsageError):
        with_properties(Settings(), {name: value})
