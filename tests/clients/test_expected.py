"""Set intersection with servers that are made up: each step's empty set is named, and nothing that is not known is claimed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authority import AT, ENDS, SERVER, issue, rsa_key
from whytls import causes, clients
from whytls.checking.naming import cause_of
from whytls.clients import certificates
from whytls.clients.expected import Answer, expected
from whytls.clients.server import NOTHING, Accepts, Site
from whytls.pki.stacks import ORDER
from whytls.wire.registry import GROUPS, SCHEMES, SUITES, TLS10, TLS12, TLS13

LATE = int(ENDS.timestamp() + 3600) * 10**9
HOST = "shop.maple.example"
OLD, GCM, DHE, STATIC = 0xC013, 0xC02F, 0x0033, 0x002F
SUITES13 = (0x1302, 0x1301)


@pytest.fixture(scope="module")
def pki() -> SimpleNamespace:
    root = issue("Maple Root", ca=True)
    middle = issue("Maple Issuing", root, ca=True)
    own = issue("shop", middle, san=(HOST,), usage=(SERVER,))
    other = issue("default", middle, san=("www.maple.example",), usage=(SERVER,), key=rsa_key(2048))
    weak = issue("shop", middle, san=(HOST,), usage=(SERVER,), key=rsa_key(1024))
    strong = issue("shop", middle, san=(HOST,), usage=(SERVER,), key=rsa_key(2048))
    chain = {name: (one.der, middle.der) for name, one in {"own": own, "other": other, "weak": weak, "rsa": strong}.items()}
    return SimpleNamespace(root=root.der, middle=middle.der, alone=(own.der,), **chain)


def server(pki: SimpleNamespace, **changed: object) -> Accepts:
    whole = Accepts({TLS12: (GCM, DHE, STATIC), TLS13: SUITES13}, Site((pki.rsa,)), groups=(29, 23), dh_bits=2048, secure_renegotiation=True)
    return whole._replace(**changed)  # type: ignore[arg-type]


def ask(slug: str, accepts: Accepts, pki: SimpleNamespace, **more: object) -> Answer:
    options = {"name": HOST, "at": AT, "anchors": (pki.root,), **more}
    return expected(clients.load(slug), accepts, **options)  # type: ignore[arg-type]


def stopped_by(answer: Answer) -> str:
    assert answer.connects is False
    return answer.obstacles[0].cause


def test_a_usual_server_takes_every_client_of_today(pki: SimpleNamespace) -> None:
    for slug in ("java-17", "curl-7.88", "go-1.27", "node-24", "chromium-156", "openssl-4.0", "windows-server-2022"):
        answer = ask(slug, server(pki), pki, anchors=None)
        assert answer.connects, answer
        assert (answer.version, answer.suite) == (TLS13, 0x1302)
        assert answer.group in (29, 23)
        assert answer.chain == pki.rsa
        assert answer.conditions == ("it trusts CN=Maple Root",) or "Maple Root" in answer.conditions[0]


def test_version(pki: SimpleNamespace) -> None:
    new = ask("java-7u80", server(pki), pki)
    assert stopped_by(new) == "protocol-mismatch"
    assert new.obstacles[0].text == "it offers TLS 1.0 only; the server takes TLS 1.2 and up"
    assert (new.obstacles[0].offered, new.obstacles[0].accepted) == (("TLS 1.0",), ("TLS 1.3", "TLS 1.2"))
    old = server(pki, suites={TLS10: (OLD, STATIC)})
    assert stopped_by(ask("java-17", old, pki)) == "protocol-mismatch"
    assert ask("java-8u161", old, pki).version == TLS10
    signed = ask("openssl-3.0", old, pki)
    assert stopped_by(signed) == "protocol-mismatch"
    assert signed.obstacles[0].refuses == "client"
    assert "SHA-1" in signed.obstacles[0].text
    assert ask("openssl-3.0", server(pki, suites={TLS10: (STATIC,)}), pki).connects, "without a signature OpenSSL 3 does take TLS 1.0"


def test_suite(pki: SimpleNamespace) -> None:
    answer = ask("java-8u161", server(pki, suites={TLS12: (0xCCA8,)}), pki)
    assert stopped_by(answer) == "cipher-mismatch"
    assert answer.obstacles[0].text.startswith("none of the 49 cipher suites that it offers for TLS 1.2")
    only_ecdsa = ask("windows-server-2012r2-dotnet-4.5", server(pki, suites={TLS10: (0xC009,)}), pki)
    assert only_ecdsa.suite == 0xC009
    static = server(pki, suites={TLS12: (STATIC,)})
    assert ask("java-21", static, pki).connects
    assert stopped_by(ask("java-25", static, pki)) == "cipher-mismatch", "24 and later leave TLS_RSA out"


def test_the_servers_order_and_the_clients(pki: SimpleNamespace) -> None:
    suites = {TLS12: (STATIC, GCM)}
    assert ask("java-21", server(pki, suites=suites), pki).suite == STATIC
    assert ask("java-21", server(pki, suites=suites, own_order=False), pki).suite == GCM


def test_group(pki: SimpleNamespace) -> None:
    for version, suites in ((TLS12, (GCM,)), (TLS13, SUITES13)):
        answer = ask("chromium-156", server(pki, suites={version: suites}, groups=(25, 30)), pki)
        assert stopped_by(answer) == "group-mismatch"
        assert "secp521r1" in answer.obstacles[0].text
    both = server(pki, suites={TLS12: (GCM, STATIC)}, groups=(25,))
    assert ask("chromium-156", both, pki, anchors=None).suite == STATIC, "a suite that needs no group is left"
    finite = ask("java-17", server(pki, suites={TLS12: (GCM,)}, groups=(0x0100,)), pki)
    assert stopped_by(finite) == "group-mismatch", "a finite field is no curve for ECDHE below TLS 1.3"


def test_the_curve_of_the_certificate_is_a_group_below_tls13(pki: SimpleNamespace) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    curved = issue("shop", san=(HOST,), key=ec.generate_private_key(ec.SECP521R1()))
    old = server(pki, named=Site(((curved.der,),)), suites={TLS12: (0xC02B,)}, groups=None)
    assert stopped_by(ask("mono-6.8", old, pki, anchors=None)) == "group-mismatch"
    assert ask("java-17", old, pki, anchors=None).connects
    both = old._replace(named=Site(((curved.der,), pki.own)))
    assert ask("mono-6.8", both, pki, anchors=None).chain == pki.own


def test_signature_scheme(pki: SimpleNamespace) -> None:
    answer = ask("chromium-156", server(pki, signature_schemes=(0x0201,)), pki)
    assert stopped_by(answer) == "signature-algorithm-mismatch"
    assert "rsa_pkcs1_sha1" in answer.obstacles[0].text
    chosen = ask("java-17", server(pki, signature_schemes=(0x0805, 0x0401)), pki)
    assert chosen.signature_scheme == 0x0805
    ecdsa = server(pki, named=Site((pki.own,)), suites={TLS12: (0xC02B,)}, signature_schemes=(0x0403,))
    assert ask("go-1.27", ecdsa, pki, anchors=None).signature_scheme == 0x0403


def test_diffie_hellman_and_renegotiation(pki: SimpleNamespace) -> None:
    small = server(pki, suites={TLS12: (DHE,)}, dh_bits=1024)
    assert stopped_by(ask("curl-7.88", small, pki)) == "dh-too-small"
    assert ask("java-17", small, pki).connects
    large = ask("java-8u161", server(pki, suites={TLS12: (DHE,)}, dh_bits=4096), pki)
    assert stopped_by(large) == "cipher-mismatch"
    assert "2048 at most" in large.obstacles[0].text
    unsafe = server(pki, suites={TLS12: (GCM,)}, secure_renegotiation=False)
    assert stopped_by(ask("curl-7.88", unsafe, pki)) == "renegotiation-refused"
    assert ask("openssl-1.1.1", unsafe, pki).connects


def test_name(pki: SimpleNamespace) -> None:
    strict = server(pki, nameless=Site(refused=True, alert=112))
    answer = ask("java-17-message-processor", strict, pki)
    assert stopped_by(answer) == "sni-missing"
    assert answer.server_name is None
    assert ask("java-17", strict, pki).server_name == HOST
    by_address = ask("java-17", strict, pki, name="192.0.2.7")
    assert by_address.obstacles[0].text == "it sends no name for 192.0.2.7, and the server refuses a handshake without one"
    assert stopped_by(ask("curl-7.88", server(pki, named=Site(refused=True)), pki)) == "sni-unknown"


def test_a_default_certificate(pki: SimpleNamespace) -> None:
    several = server(pki, nameless=Site((pki.other,)))
    silent = ask("java-17-message-processor", several, pki)
    assert silent.connects, "it compares no name"
    assert any("compares no name" in condition for condition in silent.conditions)
    checking = clients.load("haproxy-2.6-server")
    checking = checking._replace(rules=checking.rules._replace(checks_chain=True, checks_name=True))
    answer = expected(checking, several, name=HOST, at=AT, anchors=(pki.root,))
    assert stopped_by(answer) == "sni-default-certificate"


def test_certificate(pki: SimpleNamespace) -> None:
    assert stopped_by(ask("curl-7.88", server(pki, named=Site((pki.other,))), pki)) == "certificate-name-mismatch"
    assert ask("java-17", server(pki, named=Site((pki.other,))), pki).connects
    assert stopped_by(ask("java-17", server(pki), pki, at=LATE)) == "certificate-expired"
    assert stopped_by(ask("java-17", server(pki), pki, anchors=(issue("Other Root", ca=True).der,))) == "certificate-untrusted"
    assert stopped_by(ask("python-3.11", server(pki, named=Site((pki.alone,)), suites={TLS13: SUITES13}), pki)) == "chain-incomplete"
    weak = server(pki, named=Site((pki.weak,)))
    assert stopped_by(ask("curl-7.88", weak, pki)) == "certificate-weak-key"
    assert ask("openssl-3.1", weak, pki).connects, "level 1"
    assert ask("java-17", weak, pki).connects


def test_without_anchors_trust_is_a_condition(pki: SimpleNamespace) -> None:
    alone = ask("java-17", server(pki, named=Site((pki.alone,)), suites={TLS13: SUITES13}), pki, anchors=None)
    assert alone.connects
    assert alone.conditions[0].startswith("CN=Maple Issuing,O=Meadow is itself among its trust anchors")
    late = ask("java-17", server(pki), pki, anchors=None, at=LATE)
    assert stopped_by(late) == "certificate-expired"


def test_client_certificate_and_protocol(pki: SimpleNamespace) -> None:
    asks = server(pki, client_certificate="required")
    assert stopped_by(ask("java-17", asks, pki)) == "client-certificate-missing"
    assert ask("java-17", asks, pki, with_certificate=True).connects
    strict = server(pki, alpn=("mqtt",), alpn_required=True)
    assert stopped_by(ask("go-1.27", strict, pki)) == "alpn-mismatch"
    assert ask("java-17", strict, pki).connects, "it offers no protocol"
    assert ask("go-1.27", server(pki, alpn=("http/1.1",)), pki).alpn == "http/1.1"


def test_all_that_is_wrong_is_told_the_first_first(pki: SimpleNamespace) -> None:
    accepts = server(pki, named=Site((pki.other,)), client_certificate="required", suites={TLS13: SUITES13})
    answer = ask("windows-server-2019", accepts, pki, anchors=None)
    assert [o.cause for o in answer.obstacles] == ["protocol-mismatch", "certificate-name-mismatch", "client-certificate-missing"]


def test_what_is_not_known_is_said(pki: SimpleNamespace) -> None:
    nothing = ask("java-17", NOTHING, pki)
    assert nothing.connects is None
    assert nothing.unknown == ("which versions the server takes",)
    bare = ask("java-17", Accepts({TLS12: (DHE, GCM)}), pki)
    assert bare.unknown == ("how long the server's Diffie-Hellman prime is", "which certificate the server shows")


def test_every_cause_named_here_exists() -> None:
    known = set(causes.slugs())
    assert set(certificates.CAUSES.values()) <= known
    for slug in set(ORDER) - {"no-certificate", "verify-depth"}:
        assert certificates.CAUSES[slug] == cause_of(slug, "server").slug, slug


numbers = st.sampled_from
suites = st.lists(numbers(sorted(n for n in SUITES if n < 0x10000)), max_size=6).map(tuple)
inventories = st.builds(
    Accepts,
    st.dictionaries(numbers([0x0300, TLS10, 0x0302, TLS12, TLS13]), suites, max_size=3),
    st.builds(Site, st.lists(st.lists(st.binary(max_size=40), min_size=1, max_size=2).map(tuple), max_size=2).map(tuple), st.booleans()),
    st.none() | st.builds(Site, st.just(()), st.booleans()),
    st.booleans(),
    st.none() | st.lists(numbers(sorted(GROUPS)), max_size=4).map(tuple),
    st.none() | st.lists(numbers(sorted(SCHEMES)), max_size=4).map(tuple),
    st.none() | st.integers(0, 20000),
    st.none() | st.booleans(),
)


@given(numbers(clients.slugs()), inventories, st.none() | st.sampled_from([HOST, "192.0.2.1", "printer"]), st.booleans())
def test_any_inventory_gets_an_answer(slug: str, accepts: Accepts, name: str | None, with_anchors: bool) -> None:
    answer = expected(clients.load(slug), accepts, name=name, at=AT, anchors=() if with_anchors else None)
    assert (answer.connects is False) == bool(answer.obstacles)
    assert {obstacle.cause for obstacle in answer.obstacles} <= set(causes.slugs())
    if answer.connects:
        assert answer.suite in accepts.suites[answer.version or 0]
        assert answer.suite in clients.load(slug).hello.cipher_suites


def test_a_site_without_a_name_that_has_another_kind_of_key_is_not_judged_by_what_the_named_one_signs(pki: SimpleNamespace) -> None:
    """hitch shows its last certificate to those who send no name: there ECDSA, where the site that was asked about has RSA."""
    pss = (0x0804, 0x0805)
    apart = server(pki, named=Site((pki.rsa,)), nameless=Site((pki.own,)), signature_schemes=pss)
    nameless = ask("haproxy-2.6-server", apart, pki)
    assert nameless.server_name is None
    assert "signature-algorithm-mismatch" not in [obstacle.cause for obstacle in nameless.obstacles]
    assert nameless.chain == pki.own
    unasked = ask("haproxy-2.6-server", apart._replace(suites={TLS12: (GCM,)}), pki)
    assert unasked.connects is None
    assert any("cipher suites" in text for text in unasked.unknown)
    same = ask("haproxy-2.6-server", apart._replace(named=Site((pki.own,)), signature_schemes=pss), pki)
    assert stopped_by(same) == "signature-algorithm-mismatch", "where the kinds are the same, what it signs with counts"
