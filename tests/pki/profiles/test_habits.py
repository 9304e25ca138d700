"""What tells the stacks apart, one behaviour a test: where they look, what they go around, what they never see."""

from __future__ import annotations

import pytest
from generated import BRANCHES, FAULTS, Plan, decided, encode, plan, simple

HARBOUR = ("openssl", "java", "go")


def faulty(*faults: str, depth: int = 1) -> Plan:
    made = simple(depth)
    for name in faults:
        FAULTS[name](made)
    return made


def accepting(made: Plan) -> set[str]:
    return {profile for profile in HARBOUR if decided(profile, made).accepted}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("faults", "accepted"),
    [
        (("sent/with-root",), {"openssl", "java", "go"}),
        (("sent/reversed",), {"openssl", "java", "go"}),
        (("trust/nearest-only",), {"java", "go"}),  # OpenSSL wants a self-signed anchor
        (("validity/root-expired",), {"java"}),  # Java's anchors have no date
        (("validity/leaf-ends-now",), {"java", "go"}),  # to OpenSSL the last second is over
        (("usage/ca-email",), {"java"}),  # Java reads no extended key usage of a CA
        (("usage/leaf-any",), {"java", "go"}),  # anyExtendedKeyUsage is nothing to OpenSSL
        (("usage/leaf-gated",), {"openssl", "java"}),  # Server Gated Cryptography is nothing to Go
        (("usage/leaf-key-encipher-only",), {"openssl", "go"}),
        (("usage/leaf-key-content",), {"go"}),  # Go reads no keyUsage of a leaf
        (("authority/root-version-1",), {"openssl", "java", "go"}),
        (("authority/ca-version-1",), set()),
        (("issuer/upper-case",), {"openssl", "java"}),  # Go compares names byte for byte
        (("issuer/bmp",), {"openssl"}),  # Java compares other string types byte for byte
        (("key-id/leaf-authority-differs",), {"java", "go"}),
        (("key-id/ca-authority-differs",), {"go"}),
        (("signature/leaf-sha1",), {"java"}),  # below a private root
        (("signature/leaf-rsa-md5",), set()),
        (("signature/leaf-sha224",), {"openssl"}),
        (("key/leaf-rsa1024",), {"java", "go"}),
        (("key/leaf-k256",), {"openssl", "java"}),
        (("extension/leaf-twice",), set()),
        (("extension/leaf-crl-points-critical",), {"openssl", "go"}),
        (("extension/ca-explicit-policy",), {"openssl"}),  # Java always processes policies; Go does not know this extension
        (("constraints/ca-dirname-misses",), set()),
        (("constraints/root-dns-other",), {"java"}),  # Java's anchors constrain nothing
        (("host/cn-differs",), set()),
        (("host/no-names",), {"openssl", "java"}),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else "",
)
def test_who_accepts(faults: tuple[str, ...], accepted: set[str]) -> None:
    assert accepting(faulty(*faults)) == accepted


def test_a_leaf_in_the_store_is_taken_by_java_and_go_as_it_is() -> None:
    made = faulty("trust/leaf-only", "usage/leaf-email")
    assert accepting(made) == {"java"}
    assert decided("go", made).code == "x509.IncompatibleUsage"
    assert decided("openssl", made).number == 20


def test_openssl_does_not_go_back() -> None:
    made = BRANCHES["two-ways-usage/ca1+ca2+second+other"]()
    assert decided("openssl", made).number == 26
    assert decided("go", made).accepted


def test_java_validates_a_list_and_builds_only_where_the_list_does_not_lead_up() -> None:
    assert decided("java", faulty("sent/namesake-before-without-ids")).accepted  # the list breaks off at the namesake: a path is built
    alone = decided("java", faulty("sent/namesake-instead"))
    assert (alone.code, alone.index) == ("CertPathValidatorException.INVALID_SIGNATURE", 0)
    listed = faulty("signature/ca-tampered")
    assert decided("java", listed).code == "CertPathValidatorException.INVALID_SIGNATURE"
    assert decided("java", listed).words.startswith("PKIX path validation failed: ")
    assert decided("java", faulty("sent/leaf-only")).words.startswith("PKIX path building failed: ")


@pytest.mark.parametrize(
    ("fault", "alert", "older"),
    [
        ("validity/leaf-expired", 45, 46),
        ("validity/leaf-not-yet", 42, 46),
        ("signature/leaf-tampered", 42, 46),
        ("signature/leaf-sha224", 43, 46),
        ("sent/leaf-only", 46, None),
        ("host/other", 46, None),
    ],
)
def test_java_tells_more_by_its_alert_than_it_did(fault: str, alert: int, older: int | None) -> None:
    found = decided("java", faulty(fault))
    assert (found.alert, found.older_alert) == (alert, older)


@pytest.mark.parametrize(
    ("fault", "number", "alert"),
    [
        ("validity/leaf-expired", 10, 45),
        ("validity/leaf-not-yet", 9, 42),
        ("signature/leaf-tampered", 7, 51),
        ("usage/leaf-email", 26, 43),
        ("sent/leaf-only", 20, 48),
        ("host/other", 62, 42),
        ("extension/leaf-unknown-critical", 34, 46),
    ],
)
def test_openssl_maps_its_errors_to_alerts(fault: str, number: int, alert: int) -> None:
    found = decided("openssl", faulty(fault))
    assert (found.number, found.alert) == (number, alert)


def test_go_says_bad_certificate_to_everything() -> None:
    assert {decided("go", faulty(fault)).alert for fault in ("validity/leaf-expired", "host/other", "sent/leaf-only")} == {42}


def test_exceptions_that_nobody_meant_are_what_a_java_client_gets() -> None:
    found = decided("java", faulty("constraints/ca-dns-empty"))
    assert (found.code, found.words, found.alert) == ("StringIndexOutOfBoundsException", "String index out of range: 0", 80)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("validity/leaf-expired", "ERR_CERT_DATE_INVALID"),
        ("host/other", "ERR_CERT_COMMON_NAME_INVALID"),
        ("host/no-names", "ERR_CERT_COMMON_NAME_INVALID"),
        ("sent/leaf-only", "ERR_CERT_AUTHORITY_INVALID"),
        ("signature/leaf-sha1", "ERR_CERT_WEAK_SIGNATURE_ALGORITHM"),
        ("constraints/ca-dns-other", "ERR_CERT_NAME_CONSTRAINT_VIOLATION"),
        ("key/leaf-k256", "ERR_CERT_WEAK_KEY"),
        ("usage/leaf-email", "ERR_CERT_INVALID"),
        ("authority/ca-not-a-ca", "ERR_CERT_INVALID"),
        ("usage/leaf-key-encipher-only", "ERR_SSL_KEY_USAGE_INCOMPATIBLE"),
    ],
)
def test_a_browser_shows_one_code(fault: str, code: str) -> None:
    found = decided("browser", faulty(fault))
    assert (found.accepted, found.code, found.measured) == (False, f"NET::{code}", False)


def test_a_browser_that_fetches_issuers_and_one_that_asks_public_roots() -> None:
    made = simple(1)
    ca = plan.made(made, "", ()).chain[1]
    made.sent = ["leaf"]
    assert decided("browser", made).code == "NET::ERR_CERT_AUTHORITY_INVALID"
    assert decided("browser", made, fetched=(ca,)).accepted
    long = faulty("validity/leaf-two-years")
    assert decided("browser", long).accepted
    assert decided("browser", long, public_roots=True).code == "NET::ERR_CERT_VALIDITY_TOO_LONG"


def test_the_names_of_a_leaf_are_minded_also_where_nobody_asks_for_a_host() -> None:
    made = faulty("constraints/ca-dns-other", "host/not-asked")
    made.links["ca1"].put(encode.NAMES, encode.name_constraints([("dns", "orchard.example")]), critical=True)
    assert accepting(made) == set()
