"""A small PKI in the time of the stories: one sound chain, and a certificate for every way to be wrong."""

from __future__ import annotations

import datetime
from functools import partial
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from authority import CLIENT, SERVER, corrupted, days, issue, rsa_key, weakened
from story import START

pytest.register_assert_rewrite("asking")
NOW = datetime.datetime.fromtimestamp(START // 10**9, datetime.UTC)
HOST = "www.example.test"


@pytest.fixture(scope="session")
def pki() -> SimpleNamespace:
    made = partial(issue, begins=NOW - days(60), ends=NOW + days(335))
    long_ago = {"begins": NOW - days(400), "ends": NOW - days(35)}
    soon = {"begins": NOW + days(2), "ends": NOW + days(300)}
    root, stranger = made("Meadow Root", ca=True), made("Heath Root", ca=True)
    middle, sibling = made("Meadow Issuing 1", root, ca=True), made("Meadow Issuing 2", root, ca=True)
    leaf = made("shop", middle, san=(HOST,), usage=(SERVER,))
    client = made("till 7", middle, san=("till7.example.test",), usage=(CLIENT,))
    no_ca = made("clerk", middle, san=("clerk.example.test",))
    narrow = made("Meadow Narrow", root, ca=True, extra=(x509.NameConstraints([x509.DNSName("meadow.example")], None),))
    old_issuing = issue("Meadow Issuing 0", root, ca=True, **long_ago)
    rsa_root = made("Meadow RSA Root", ca=True, key=rsa_key(2048))
    digest = made("shop", rsa_root, san=(HOST,), usage=(SERVER,))
    return SimpleNamespace(
        root=root.der,
        stranger=stranger.der,
        middle=middle.der,
        sibling=sibling.der,
        sound=(leaf.der, middle.der),
        whole=(leaf.der, middle.der, root.der),
        alone=(leaf.der,),
        stray=(leaf.der, sibling.der),
        shuffled=(leaf.der, root.der, middle.der),
        expired=(issue("shop", middle, san=(HOST,), usage=(SERVER,), **long_ago).der, middle.der),
        under_expired=(made("shop", old_issuing, san=(HOST,), usage=(SERVER,)).der, old_issuing.der),
        early=(issue("shop", middle, san=(HOST,), usage=(SERVER,), **soon).der, middle.der),
        elsewhere=(made("blog", middle, san=("blog.example.test",), usage=(SERVER,)).der, middle.der),
        expired_elsewhere=(issue("blog", middle, san=("blog.example.test",), usage=(SERVER,), **long_ago).der, middle.der),
        common_name=(made(HOST, middle, usage=(SERVER,)).der, middle.der),
        self_signed=(made("box", san=(HOST,), usage=(SERVER,)).der,),
        damaged=(corrupted(leaf), middle.der),
        by_no_ca=(made("shop", no_ca, san=(HOST,), usage=(SERVER,)).der, no_ca.der, middle.der),
        constrained=(made("shop", narrow, san=(HOST,), usage=(SERVER,)).der, narrow.der),
        weak_key=(made("shop", middle, key=rsa_key(1024), san=(HOST,), usage=(SERVER,)).der, middle.der),
        weak_digest=(weakened(digest, rsa_root, hashes.SHA1()), rsa_root.der),
        wrong_usage=(made("shop", middle, san=(HOST,), usage=(CLIENT,)).der, middle.der),
        rsa=(made("shop", middle, key=rsa_key(2048), san=(HOST,), usage=(SERVER,)).der, middle.der),
        client=(client.der, middle.der),
        client_alone=(client.der,),
        client_expired=(issue("till 7", middle, usage=(CLIENT,), **long_ago).der, middle.der),
        client_early=(issue("till 7", middle, usage=(CLIENT,), **soon).der, middle.der),
        client_self_signed=(made("till 7", usage=(CLIENT,)).der,),
        client_usage=(made("till 7", middle, usage=(SERVER,)).der, middle.der),
        root_name=root.certificate.subject.public_bytes(),
        middle_name=middle.certificate.subject.public_bytes(),
        stranger_name=stranger.certificate.subject.public_bytes(),
    )
