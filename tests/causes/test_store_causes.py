"""What keystores and truststores add to the causes of certificates: proof, the entry that it is about, and where to mend it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from asking import findings, judged
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from story import (
    alert,
    certificate_request,
    change,
    client,
    client_flight,
    encrypted,
    fin,
    finished,
    hello,
    rst,
    server,
    server_flight,
    server_hello,
    story,
)
from whytls.inference.stand_in import certificate_length
from whytls.model import AtRest, Diagnosis, Fix, Handshake, KeyEntry, Keystore, Truststore

TLS12, TLS13 = 0x0303, 0x0304
Chain = tuple[bytes, ...]


def keystore(*chains: Chain, more: Chain = ()) -> AtRest:
    entries = tuple(KeyEntry(chain, f"own.p12, alias e{number}") for number, chain in enumerate(chains))
    return AtRest(Keystore("own.p12", entries, (*(der for chain in chains for der in chain), *more)))


def truststore(*anchors: bytes) -> AtRest:
    return AtRest(None, Truststore("trust.jks", anchors, tuple(f"trust.jks, alias a{number}" for number in range(len(anchors)))))


def both(held: AtRest, trusted: AtRest) -> AtRest:
    return AtRest(held.keystore, trusted.truststore)


def shown(chain: Chain, number: int) -> Handshake:
    """TLS 1.2: the server shows the chain and the client refuses it."""
    return story(client >> hello(version=TLS12), server_flight(*chain), client >> alert(number), client >> fin())


def hidden(chain: Chain, *ending: Any, sni: str = "www.example.test") -> Handshake:
    """TLS 1.3: a flight with records of the sizes that this chain has, and an ending."""
    sizes = (6, certificate_length(chain), 80, 36)
    return story(client >> hello(sni=sni), server << server_hello(TLS13), server << change(), *(server << encrypted(s + 17) for s in sizes), *ending)


def asked(chain: Chain, *ending: Any, authorities: Chain = ()) -> Handshake:
    """TLS 1.2: the server asks for a certificate, and refuses what it gets."""
    flight = server_flight(bytes(700), request=certificate_request(*authorities))
    return story(client >> hello(version=TLS12), flight, client_flight(*chain, asked=True), *ending)


def asked_hidden(chain: Chain, *ending: Any) -> Handshake:
    """TLS 1.3: the client's flight has the sizes of this chain (or of an empty Certificate), and the server refuses it."""
    sizes = (certificate_length(chain) + 17, 97, 53) if chain else (25, 53)
    flight = server_flight(bytes(700), request=certificate_request(), version=TLS13)
    return story(client >> hello(), flight, client >> change(), *(client >> encrypted(size) for size in sizes), *ending)


REFUSED = (server << encrypted(19), server << fin())


def said(diagnosis: Diagnosis) -> tuple[str | None, str | None]:
    assert not [w for w in diagnosis.warnings if "bug" in w]
    return diagnosis.cause, diagnosis.confidence


def words(diagnosis: Diagnosis) -> str:
    return " | ".join(e.text for e in diagnosis.evidence)


def fix_of(diagnosis: Diagnosis) -> Fix:
    assert diagnosis.fix is not None
    return diagnosis.fix


# The rejecting side's truststore


@pytest.mark.parametrize("number", [42, 46, 48])
def test_a_truststore_that_lacks_the_root_proves_it(pki: SimpleNamespace, number: int) -> None:
    without = judged(shown(pki.sound, number))
    told = judged(shown(pki.sound, number), client_stores=truststore(pki.stranger))
    assert said(without) == ("certificate-untrusted", "likely")
    assert "--truststore client=STORE" in findings(shown(pki.sound, number))["certificate-untrusted"].would_decide
    assert said(told) == ("certificate-untrusted", "proven")
    assert "trust.jks (1 certificate: CN=Heath Root,O=Meadow) does not have CN=Meadow Root,O=Meadow" in words(told)
    assert "trust.jks" in fix_of(told).text


def test_the_root_is_brought_along_where_it_is_at_hand(pki: SimpleNamespace) -> None:
    told = judged(shown(pki.whole, 48), client_stores=truststore(pki.stranger))
    (artefact,) = [a for a in fix_of(told).artefacts if a.kind == "pem"]
    assert artefact.place == "trust.jks"
    assert artefact.content.count("BEGIN CERTIFICATE") == 1
    assert "Meadow Root" in artefact.content
    held = judged(shown(pki.sound, 48), client_stores=truststore(pki.stranger), server_stores=keystore(pki.whole))
    assert [a.kind for a in fix_of(held).artefacts][:1] == ["pem"]


@pytest.mark.parametrize("number", [42, 46, 48])
def test_a_truststore_that_has_it_rules_it_out(pki: SimpleNamespace, number: int) -> None:
    known = {"client_stores": truststore(pki.stranger, pki.root)}
    assert "certificate-untrusted" not in findings(shown(pki.sound, number), **known)
    assert judged(shown(pki.expired, number), **known).cause == "certificate-expired"


def test_an_intermediate_alone_is_no_anchor_for_openssl(pki: SimpleNamespace) -> None:
    told = judged(shown(pki.sound, 48), client_stores=truststore(pki.middle))
    assert said(told) == ("certificate-untrusted", "likely")
    assert "no root" in words(told)
    assert "certificate-untrusted" not in findings(shown(pki.sound, 46), client_stores=truststore(pki.middle))


def test_it_is_the_truststore_of_the_side_that_refused(pki: SimpleNamespace) -> None:
    told = judged(shown(pki.sound, 46), server_stores=truststore(pki.stranger))
    assert said(told) == ("certificate-untrusted", "likely")  # the server judges nothing here
    told = judged(asked(pki.client, server << alert(46)), server_stores=truststore(pki.stranger), client_stores=truststore(pki.root))
    assert said(told) == ("client-certificate-untrusted", "proven")
    assert "the server's truststore trust.jks" in words(told)


def test_what_trust_gave_stands_for_either_side(pki: SimpleNamespace) -> None:
    told = judged(shown(pki.sound, 46), trust=(pki.stranger,))
    assert said(told) == ("certificate-untrusted", "proven")
    told = judged(asked(pki.client, server << alert(46)), trust=(pki.stranger,))
    assert said(told) == ("client-certificate-untrusted", "proven")
    assert "client-certificate-untrusted" not in findings(asked(pki.client, server << alert(46)), trust=(pki.root,))
    own = judged(shown(pki.sound, 46), trust=(pki.stranger,), client_stores=truststore(pki.root))
    assert own.cause != "certificate-untrusted"  # the side's own truststore is nearer


def test_the_hop_names_the_option(pki: SimpleNamespace) -> None:
    found = findings(shown(pki.sound, 46), hop="southbound")["certificate-untrusted"]
    assert "--truststore message-processor=STORE" in found.would_decide
    found = findings(asked(pki.client, server << alert(46)), hop="northbound")["client-certificate-untrusted"]
    assert "--truststore router=STORE" in found.would_decide


def test_access_denied_is_no_proof_of_an_unknown_ca(pki: SimpleNamespace) -> None:
    told = judged(asked(pki.client, server << alert(49)), server_stores=truststore(pki.stranger))
    assert told.confidence != "proven"


# The presenting side's keystore


def test_a_keystore_that_has_the_intermediate_proves_that_it_was_left_out(pki: SimpleNamespace) -> None:
    told = judged(shown(pki.alone, 46), server_stores=keystore(pki.sound))
    assert said(told) == ("chain-incomplete", "proven")
    assert "own.p12, alias e0: has CN=Meadow Issuing 1,O=Meadow above it as well, which the server did not send" in words(told)
    (artefact,) = [a for a in fix_of(told).artefacts if a.kind == "pem"]
    assert artefact.content.count("BEGIN CERTIFICATE") == 2
    assert artefact.content.index("CN=shop") < artefact.content.index("subject CN=Meadow Issuing 1")
    assert "own.p12, alias e0 has all of it" in fix_of(told).text


def test_another_entry_can_have_what_is_missing(pki: SimpleNamespace) -> None:
    told = judged(shown(pki.alone, 48), server_stores=keystore(pki.alone, more=(pki.middle,)))
    assert said(told) == ("chain-incomplete", "proven")
    assert "upload the chain below as own.p12, alias e0" in fix_of(told).text


def test_a_keystore_that_lacks_it_too_is_said(pki: SimpleNamespace) -> None:
    told = judged(shown(pki.alone, 48), server_stores=keystore(pki.alone))
    assert told.cause == "chain-incomplete"
    assert told.confidence != "proven"
    assert "lacks it, too: get the certificate of CN=Meadow Issuing 1,O=Meadow" in fix_of(told).text


def test_an_incomplete_chain_to_an_unknown_root_is_not_proven(pki: SimpleNamespace) -> None:
    told = judged(shown(pki.alone, 48), server_stores=keystore(pki.sound), client_stores=truststore(pki.stranger))
    assert told.cause == "chain-incomplete"
    assert told.confidence == "likely"


def test_an_unknown_issuer_is_an_intermediate_where_its_organisation_is_trusted(pki: SimpleNamespace) -> None:
    assert judged(shown(pki.alone, 48), client_stores=truststore(pki.root)).cause == "chain-incomplete"


def test_a_newer_certificate_in_the_keystore_is_named(pki: SimpleNamespace) -> None:
    told = judged(shown(pki.expired, 45), server_stores=keystore(pki.sound))
    assert said(told) == ("certificate-expired", "proven")
    assert "own.p12, alias e0: a newer certificate for this name" in words(told)
    assert "make the server load it" in fix_of(told).text
    told = judged(shown(pki.expired, 45), server_stores=keystore(pki.expired))
    assert "own.p12, alias e0: the chain that was sent" in words(told)
    assert "the store to mend: own.p12, alias e0" in fix_of(told).text


def test_the_entry_with_the_right_name_is_named(pki: SimpleNamespace) -> None:
    told = judged(shown(pki.elsewhere, 46), server_stores=keystore(pki.elsewhere, pki.sound))
    assert told.cause == "certificate-name-mismatch"
    assert "own.p12, alias e1 is for www.example.test" in fix_of(told).text


def test_a_keystore_of_somebody_else_is_said_to_be_so(pki: SimpleNamespace) -> None:
    told = judged(shown(pki.expired, 45), server_stores=keystore(pki.client_self_signed))
    assert "not the certificate that the server sent" in words(told)
    told = judged(shown(pki.expired, 45), server_stores=keystore())
    assert "no entry with a private key" in words(told)


def test_an_entry_with_less_than_was_sent_is_said(pki: SimpleNamespace) -> None:
    told = judged(shown(pki.expired, 45), server_stores=keystore(pki.expired[:1]))
    assert "with fewer above it than the server sent" in words(told)


# TLS 1.3 hides the chain


def test_stores_prove_what_an_alert_names_in_tls_1_3(pki: SimpleNamespace) -> None:
    told = hidden(pki.sound, client >> alert(48), client >> rst())
    assert said(judged(told)) == ("certificate-untrusted", "likely")
    assert said(judged(told, server_stores=keystore(pki.sound)))[1] == "likely"  # unknown_ca names several things
    proven = judged(told, server_stores=keystore(pki.sound), client_stores=truststore(pki.stranger))
    assert said(proven) == ("certificate-untrusted", "proven")
    assert "TLS 1.3 hides the server's chain; own.p12, alias e0 stands in for it: this record has just its size" in words(proven)
    expired = hidden(pki.expired, client >> alert(45))
    assert said(judged(expired)) == ("certificate-expired", "likely")
    assert said(judged(expired, server_stores=keystore(pki.expired))) == ("certificate-expired", "proven")


def test_nothing_is_proven_where_the_size_is_another(pki: SimpleNamespace) -> None:
    told = hidden(pki.sound, client >> alert(48))
    other = keystore(pki.constrained)
    assert judged(told, server_stores=other, client_stores=truststore(pki.stranger)).confidence != "proven"
    expired = hidden(pki.whole, client >> alert(45))
    assert judged(expired, server_stores=keystore(pki.under_expired)).confidence != "proven"


def test_a_keystore_that_holds_nothing_of_that_size_is_said(pki: SimpleNamespace) -> None:
    for ending in ((client >> alert(48),), (client >> encrypted(19), client >> fin())):
        told = hidden(pki.sound, *ending, sni="elsewhere.test")
        said_of = judged(told, server_stores=keystore(pki.constrained))
        assert "no record has the size of a chain in own.p12" in words(said_of)
        assert "no record" not in words(judged(told))
    own = asked_hidden(pki.client, *REFUSED)
    assert "no record has the size" in words(judged(own, client_stores=keystore(pki.client_expired, pki.client_self_signed)))


def test_an_alert_that_the_stores_contradict_is_not_proven(pki: SimpleNamespace) -> None:
    told = hidden(pki.sound, client >> alert(48))
    known = {"server_stores": keystore(pki.sound), "client_stores": truststore(pki.root)}
    assert "certificate-untrusted" not in findings(told, **known)
    assert judged(told, **known).confidence != "proven"
    sound = hidden(pki.sound, client >> alert(45))
    assert judged(sound, **known).confidence != "proven"  # what the keystore holds has not expired


def test_a_hidden_chain_that_was_sent_short(pki: SimpleNamespace) -> None:
    told = hidden(pki.alone, client >> alert(48))
    known = {"server_stores": keystore(pki.sound), "client_stores": truststore(pki.root)}
    short = judged(told, **known)
    assert said(short) == ("chain-incomplete", "proven")
    assert "the first certificate of own.p12, alias e0 stands in for it" in words(short)


def test_an_encrypted_alert_leaves_it_likely(pki: SimpleNamespace) -> None:
    told = hidden(pki.expired, client >> encrypted(19), client >> fin())
    assert said(judged(told)) == ("certificate-rejected", "likely")
    assert said(judged(told, server_stores=keystore(pki.expired))) == ("certificate-expired", "likely")
    own = asked_hidden(pki.client, *REFUSED)
    assert said(judged(own)) == ("client-certificate-rejected", "likely")
    stores = {"client_stores": keystore(pki.client), "server_stores": truststore(pki.stranger)}
    assert said(judged(own, **stores)) == ("client-certificate-untrusted", "likely")


def test_a_refused_certificate_without_fault_stays_unexplained(pki: SimpleNamespace) -> None:
    stores = {"client_stores": keystore(pki.client), "server_stores": truststore(pki.root)}
    assert judged(asked_hidden(pki.client, *REFUSED), **stores).cause == "client-certificate-rejected"


def test_a_client_that_gives_up_what_it_trusts_is_no_completed_handshake(pki: SimpleNamespace) -> None:
    ending = (server << change(), server << finished(), client >> encrypted(26, 21), client >> fin(), server >> fin(), client >> rst())
    told = story(client >> hello(version=TLS12), server_flight(*pki.sound), client_flight(), *ending)
    assert judged(told).outcome == "failed"
    assert judged(told, client_stores=truststore(pki.root)).cause == "certificate-rejected"


# The certificate that was not sent


def test_a_keystore_without_a_certificate_of_the_named_cas(pki: SimpleNamespace) -> None:
    told = judged(asked((), server << alert(40), authorities=(pki.stranger_name,)), client_stores=keystore(pki.client))
    assert said(told) == ("client-certificate-missing", "proven")
    assert "own.p12, alias e0: CN=till 7,O=Meadow, issued by CN=Meadow Issuing 1,O=Meadow under CN=Meadow Root,O=Meadow" in words(told)
    assert "names none of its issuers" in words(told)
    assert "takes (CN=Heath Root,O=Meadow) into own.p12" in fix_of(told).text


def test_a_keystore_with_a_certificate_that_fits(pki: SimpleNamespace) -> None:
    for authorities in ((), (pki.root_name,), (pki.middle_name,)):
        told = judged(asked((), server << alert(40), authorities=authorities), client_stores=keystore(pki.client))
        assert "is what the server would take" in words(told)
        assert "own.p12, alias e0 fits: make the client use it" in fix_of(told).text


def test_in_tls_1_3_the_servers_truststore_tells(pki: SimpleNamespace) -> None:
    told = asked_hidden((), *REFUSED)
    lacking = judged(told, client_stores=keystore(pki.client), server_stores=truststore(pki.stranger))
    assert lacking.cause == "client-certificate-missing"
    assert "trust.jks has none of its issuers" in words(lacking)
    fitting = judged(told, client_stores=keystore(pki.client), server_stores=truststore(pki.root))
    assert "is what the server would take" in words(fitting)
    alone = judged(told, client_stores=keystore(pki.client))
    assert "own.p12" not in words(alone)  # what the server takes is not known


def test_a_keystore_without_keys(pki: SimpleNamespace) -> None:
    told = judged(asked((), server << alert(40)), client_stores=keystore())
    assert "own.p12 has no entry with a private key" in words(told)


def test_both_stores_of_one_side_do_not_get_in_each_others_way(pki: SimpleNamespace) -> None:
    of_server = both(keystore(pki.sound), truststore(pki.stranger))
    told = judged(shown(pki.sound, 48), server_stores=of_server, client_stores=truststore(pki.root))
    assert told.cause != "certificate-untrusted"


ANYTHING = st.lists(st.binary(max_size=60), min_size=1, max_size=4)


@given(ANYTHING, ANYTHING, st.sampled_from([42, 45, 46, 48]))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_no_certificate_breaks_nothing(pki: SimpleNamespace, sent: list[bytes], held: list[bytes], number: int) -> None:
    chain, at_rest = tuple(sent), tuple(held)
    for stores in (both(keystore(at_rest, chain, pki.sound), truststore(*at_rest)), both(keystore(chain), truststore(pki.root, *chain))):
        known = {"client_stores": stores, "server_stores": stores}
        refused = server << alert(number)
        for told in (shown(chain, number), hidden(chain, client >> alert(number)), asked(chain, refused), asked((), refused)):
            assert not [w for w in judged(told, **known).warnings if "bug" in w]
