"""Edge's resources as Hypothesis makes them."""

from __future__ import annotations

from types import MappingProxyType

from hypothesis import strategies as st

from whytls.edge.keystore import Alias
from whytls.edge.resources import CommonName, KeyStore, Reference, TargetEndpoint, TargetServer, TlsInfo, VirtualHost
from whytls.edge.xml import Element

WORDS = st.text("abcXYZ019._-$%", min_size=1, max_size=12)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)
STORES = st.one_of(st.just(""), WORDS, WORDS.map(lambda name: f"ref://{name}"), WORDS.map(lambda name: f"{{{name}}}"))
FLAGS = st.sampled_from([None, True, False])
VALUES = st.one_of(st.booleans(), st.integers(), TEXTS, st.lists(TEXTS, max_size=2))
OTHERS = st.dictionaries(
    st.text("qz", min_size=1, max_size=4), st.one_of(st.booleans(), st.integers(), TEXTS, st.lists(TEXTS, max_size=2)), max_size=2
)
PROTOCOLS = st.lists(st.sampled_from(["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3", "SSLv3", "SSLv2Hello"]), max_size=3, unique=True).map(tuple)
CIPHERS = st.lists(st.sampled_from(["TLS_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-GCM-SHA256", "HIGH", "!aNULL"]), max_size=3).map(tuple)
ELEMENTS = st.builds(Element, st.text("Qz", min_size=1, max_size=5), TEXTS)
TLS = st.builds(
    TlsInfo, FLAGS, FLAGS, STORES, STORES, STORES, FLAGS, FLAGS, CIPHERS, PROTOCOLS,
    st.none() | st.builds(CommonName, TEXTS, st.booleans()),
)  # fmt: skip
TLS_OF_JSON = st.builds(lambda tls, rest: TlsInfo(**{**_fields(tls), "rest": MappingProxyType(rest)}), TLS, OTHERS)
TARGET_SERVERS = st.builds(
    TargetServer, TEXTS, TEXTS, st.integers(1, 65535), st.booleans(), st.none() | TLS_OF_JSON, OTHERS.map(MappingProxyType)
)  # fmt: skip
REFERENCES = st.builds(Reference, TEXTS, TEXTS, st.just("KeyStore"), OTHERS.map(MappingProxyType))
KEYSTORES = st.builds(KeyStore, TEXTS, st.lists(st.builds(Alias, WORDS, has_key=st.booleans()), max_size=3, unique_by=lambda a: a.name).map(tuple))
LISTS = st.lists(TEXTS, max_size=2).map(tuple)
PROPERTIES = st.lists(st.tuples(WORDS, TEXTS), max_size=2).map(tuple)
PROPAGATED = st.sampled_from([(), (("ConnectionProperties", "true"), ("ClientProperties", "false"))])


def virtual_hosts(tls: st.SearchStrategy[TlsInfo], rest: st.SearchStrategy[dict[str, object]]) -> st.SearchStrategy[VirtualHost]:
    return st.builds(
        VirtualHost, TEXTS, st.integers(1, 65535), LISTS, LISTS, LISTS, LISTS, FLAGS, st.just("") | TEXTS, st.none() | tls, FLAGS,
        PROPAGATED, PROPERTIES, rest=rest.map(MappingProxyType),
    )  # fmt: skip


URLS = st.sampled_from(["", "https://backend.test:8443/x?a=1&b=2", "{url}"])
TARGET_ENDPOINTS = st.builds(
    TargetEndpoint, st.just("proxy"), st.just("3"), TEXTS, URLS, LISTS, st.none() | TLS
)  # fmt: skip


def _fields(tls: TlsInfo) -> dict[str, object]:
    return {name: getattr(tls, name) for name in TlsInfo.__dataclass_fields__}
