"""What differs between two inventories."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whytls.probing.compare import Difference, differences
from whytls.probing.result import CertificateShown, ClientCertificate, Inventory, NameAsked, Refused, Resumption, VersionFound

ONE = Inventory(
    "one:443", "192.0.2.1:443", "www.example",
    versions=(VersionFound(0x0303, (0xC02F, 0xC030, 0x009C), True, dh_bits=(2048,)), VersionFound(0x0302, refused=Refused(2, "refused", 70))),
    groups=(29, 23), groups_server_order=True, signature_schemes=(0x0804,), alpn=("h2", "http/1.1"), alpn_refused=Refused(4, "refused", 120),
    compression=False, secure_renegotiation=True, extended_master_secret=True, fallback_scsv=True,
    resumption=Resumption(True, True, None, None), certificates=(CertificateShown("www.example", "rsa", (b"leaf", b"ca"), (1,)),),
    names=(NameAsked("right", "www.example", 1, (b"leaf",)), NameAsked("none", None, 3, None, Refused(3, "refused", 112))),
    client_certificate=ClientCertificate("optional", (1,), (b"ca",)),
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"versions": (*ONE.versions[:1], VersionFound(0x0302, (0x002F,)))}, [Difference("versions", (), (0x0302,))]),
        ({"versions": (VersionFound(0x0303, (0xC030, 0xC02F), True, dh_bits=(2048,)),)},
         [Difference("suites", (0x009C,), (), 0x0303), Difference("suite-order", (0xC02F, 0xC030), (0xC030, 0xC02F), 0x0303)]),
        ({"versions": (VersionFound(0x0303, (0xC030, 0xC02F, 0x009C), False, dh_bits=(1024,)),)},
         [Difference("server-order", True, False, 0x0303), Difference("dh-bits", (2048,), (1024,), 0x0303)]),
        ({"groups": (23, 24)}, [Difference("groups", (29,), (24,))]),
        ({"alpn_refused": None}, [Difference("unknown-protocol", "refused", "ignored")]),
        ({"certificates": (CertificateShown("www.example", "ecdsa", (b"new",), (1,)),)},
         [Difference("certificate", (b"leaf", b"ca"), None, "rsa"), Difference("certificate", None, (b"new",), "ecdsa")]),
        ({"names": (NameAsked("right", "www.example", 1, (b"leaf",)), NameAsked("none", None, 3, (b"other",)))},
         [Difference("names", ("sni-required",), ("sni-default",))]),
        ({"client_certificate": ClientCertificate("required", (1,), (b"other",), how="alert")},
         [Difference("client-certificate", "optional", "required"), Difference("client-certificate-authorities", (b"ca",), (b"other",))]),
        ({"client_certificate": ClientCertificate("unknown"), "compression": None, "names": ()}, []),
        ({"fallback_scsv": False, "resumption": Resumption(True, False, True, None)},
         [Difference("fallback", True, False), Difference("ticket", True, False)]),
    ],
)  # fmt: skip
def test_what_differs(changes: dict[str, object], found: list[Difference]) -> None:
    assert list(differences(ONE, ONE._replace(**changes))) == found  # type: ignore[arg-type]


NUMBERS = st.lists(st.integers(1, 9), unique=True, max_size=5).map(tuple)


@given(NUMBERS, NUMBERS)
def test_both_ways_and_none_to_itself(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    one, other = ONE._replace(groups=left), ONE._replace(groups=right)
    there, back = differences(one, other), differences(other, one)
    assert [(one.subject, one.left, one.right) for one in there] == [(one.subject, one.right, one.left) for one in back]
    assert differences(one, one) == ()
