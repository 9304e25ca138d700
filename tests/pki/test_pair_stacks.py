"""Each pair of stores against a real handshake of OpenSSL and of Java in both roles, failing and mended (R17)."""

from __future__ import annotations

import datetime
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from shaking import Identity, Java, Side, bundle, identity, serving, shake

from authority import CLIENT, SERVER, Issued, days, ec_key, issue
from whytls.pki.pair import PairReport, pair
from whytls.pki.repair import to_pem

pytestmark = pytest.mark.stacks
NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
AT = int(NOW.timestamp()) * 10**9
HOST = "shop.meadow.example"
make = partial(issue, begins=NOW - days(60), ends=NOW + days(300))


@dataclass(frozen=True)
class Case:
    """What is presented and trusted; ``sound`` stands in where a new certificate is needed."""

    presents: list[Issued]
    trusts: list[Issued]
    known: list[Issued] = field(default_factory=list)
    host: str | None = None


def cases(usage: str) -> dict[str, Case]:
    eku = (SERVER,) if usage == "server" else (CLIENT,)
    other_eku = (CLIENT,) if usage == "server" else (SERVER,)
    root, stranger = make("Meadow Root", ca=True), make("Heath Root", ca=True)
    middle, other = make("Meadow Issuing 1", root, ca=True), make("Heath Issuing", stranger, ca=True)
    lower = make("Meadow Lower", middle, ca=True)
    crossed = make("Heath Root", root, ca=True, key=stranger.key)

    def leaf(by: Issued | None = middle, **wanted: object) -> Issued:
        return make(**{"name": "own", "by": by, "san": (HOST,), "usage": eku, **wanted})  # type: ignore[arg-type]

    sound = leaf()
    late, early = {"begins": NOW - days(60), "ends": NOW - days(1)}, {"begins": NOW + days(2), "ends": NOW + days(9)}
    alone, old = leaf(None), make("Meadow Issuing 1", root, ca=True, key=middle.key, begins=NOW - days(90), ends=NOW - days(2))
    old_root = issue("Meadow Root", ca=True, begins=NOW - days(900), ends=NOW - days(2))
    short = make("Meadow Short", root, ca=True, path_length=0)
    below_short = make("Meadow Below", short, ca=True)
    pinned = leaf(**late)
    no_ca = make("Meadow Clerk", root, ca=False)
    found = {
        "sound": Case([sound, middle], [root]),
        "root sent too": Case([sound, middle, root], [root]),
        "out of order": Case([leaf(lower), middle, root, lower], [root]),
        "two intermediates": Case([leaf(lower), lower, middle], [root]),
        "missing intermediate": Case([sound], [root], [middle]),
        "upper intermediate missing": Case([leaf(lower), lower], [root], [middle]),
        "wrong intermediate": Case([sound, other], [root], [middle]),
        "unknown root": Case([sound, middle], [stranger], [root]),
        "both": Case([sound], [stranger], [middle, root]),
        "namesake of the root": Case([sound, middle], [make("Meadow Root", ca=True, key=ec_key("namesake"))], [root]),
        "cross-signed, the crossed one missing": Case([leaf(other), other], [root], [crossed, stranger]),
        "self-signed": Case([alone], [root]),
        "self-signed and trusted": Case([alone], [alone]),
        "expired": Case([leaf(**late), middle], [root]),
        "not yet valid": Case([leaf(**early), middle], [root]),
        "expired intermediate": Case([sound, old], [root], [middle]),
        "expired root": Case([sound, middle], [old_root]),
        "for the other side only": Case([leaf(usage=other_eku), middle], [root]),
        "issuer is no CA": Case([leaf(no_ca), no_ca], [root]),
        "path too long": Case([leaf(below_short), below_short, short], [root]),
        "intermediate as anchor": Case([sound, middle], [middle], [root]),
        "pinned": Case([sound], [sound], [middle, root]),
        "pinned and expired": Case([pinned], [pinned], [middle, root]),
        "intermediate in the truststore": Case([sound], [middle, root]),
    }
    if usage == "server":
        found["named"] = Case([sound, middle], [root], host=HOST)
        found["another name"] = Case([sound, middle], [root], host="other.meadow.example")
        found["common name only"] = Case([make(HOST, middle, usage=eku), middle], [root], host=HOST)
    return found


CASES = {usage: cases(usage) for usage in ("server", "client")}
# In TLS 1.3 alerts are the same; a selection shows it.
IN_TLS13 = ("sound", "missing intermediate", "unknown root", "expired", "for the other side only", "self-signed")


@pytest.fixture(scope="module")
def java() -> Iterator[tuple[Java, Java]]:
    pair_of_them = (Java(), Java())
    yield pair_of_them
    for one in pair_of_them:
        one.close()


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """The server's certificate where the client's is in question: nobody looks at it."""
    return identity(tmp_path_factory.mktemp("other"), [make("server", san=("server.example",), usage=(SERVER,))])


def judged(case: Case, usage: str) -> PairReport:
    ders = [[issued.der for issued in some] for some in (case.presents, case.trusts, case.known)]
    return pair(ders[0], ders[1], at=AT, host=case.host, usage=usage, known=ders[2])  # type: ignore[arg-type]


def mended(case: Case, report: PairReport, usage: str) -> Case:
    """What the report tells to do, done."""
    by_der = {issued.der: issued for issued in (*case.presents, *case.trusts, *case.known)}
    actions = [mend.action for mend in report.mends if not mend.alternative]
    presents, trusts = [by_der[der] for der in report.repair.chain], list(case.trusts)
    if "replace-certificate" in actions or "replace-intermediate" in actions:
        sound = CASES[usage]["sound"]
        presents, trusts = sound.presents, [*trusts, *sound.trusts]
    if "renew-anchor" in actions:
        trusts = CASES[usage]["sound"].trusts
        presents = CASES[usage]["sound"].presents
    if report.anchor is not None and report.anchor.der is not None:
        trusts.append(by_der[report.anchor.der])
    return Case(presents, trusts, case.known, None if case.host is None else HOST)


@pytest.mark.parametrize("usage", ["server", "client"])
@pytest.mark.parametrize("truster", ["openssl", "java"])
@pytest.mark.parametrize("presenter", ["openssl", "java"])
def test_verdict_and_alert_are_those_of_the_handshake(
    usage: str, truster: Side, presenter: Side, java: tuple[Java, Java], other: Identity, tmp_path: Path
) -> None:
    wrong, made = [], 0
    for version in ("TLSv1.2", "TLSv1.3"):
        for name, case in CASES[usage].items():
            if version == "TLSv1.3" and name not in IN_TLS13:
                continue
            report = judged(case, usage)
            forms = {"failing": (case, report)}
            if report.mends:
                again = mended(case, report, usage)
                forms["mended"] = (again, judged(again, usage))
            for form, (stores, verdict) in forms.items():
                seen = shake(
                    truster, presenter, usage, version, identity(tmp_path, stores.presents), bundle(tmp_path, stores.trusts), other, java,
                    stores.host,
                )  # fmt: skip
                made += 1
                decision = verdict.by(truster)
                sends = not (verdict.withheld and presenter == "java")  # else the server never sees what it would accept
                if (decision.accepts and sends) is not seen.ok or (form == "mended" and not seen.ok):
                    wrong.append(f"{version} {name}, {form}: we say {decision}, the handshake {seen}")
                elif not seen.ok and seen.alert not in verdict.alerts(truster):
                    wrong.append(f"{version} {name}, {form}: alert {seen.alert}, not among {set(verdict.alerts(truster))}: {seen.told}")
    assert not wrong, "\n".join(wrong)
    assert made > 40


def keytool(*words: str) -> None:
    subprocess.run(["keytool", *words, "-storepass", "changeit", "-noprompt"], check=True, capture_output=True)


def test_stores_made_by_the_tools(java: tuple[Java, Java], other: Identity, tmp_path: Path) -> None:
    """A keystore that openssl wrote and a truststore that keytool wrote, first without and then with what the report tells."""
    case = CASES["server"]["both"]
    report = judged(case, "server")
    trust, uploaded = tmp_path / "trust.jks", tmp_path / "chain.pem"
    for number, anchor in enumerate(case.trusts):
        (tmp_path / "one.pem").write_text(anchor.pem)
        keytool("-importcert", "-alias", f"anchor{number}", "-file", str(tmp_path / "one.pem"), "-keystore", str(trust))

    def keystore(chain: Path, key: Path, to: Path) -> Identity:
        command = ["openssl", "pkcs12", "-export", "-in", str(chain), "-inkey", str(key), "-name", "own", "-passout", "pass:changeit"]
        subprocess.run([*command, "-out", str(to)], check=True, capture_output=True)
        return Identity(to, None)

    before = identity(tmp_path, case.presents)
    assert before.key is not None
    failing = shake("java", "java", "server", "TLSv1.2", keystore(before.chain, before.key, tmp_path / "a.p12"), trust, other, java)
    assert not failing.ok
    assert failing.alert in report.alerts("java")
    uploaded.write_text(to_pem(report.repair.chain))
    assert report.anchor is not None
    assert report.anchor.der is not None
    (tmp_path / "anchor.pem").write_text(to_pem([report.anchor.der]))
    keytool("-importcert", "-alias", "added", "-file", str(tmp_path / "anchor.pem"), "-keystore", str(trust))
    after = shake("java", "java", "server", "TLSv1.2", keystore(uploaded, before.key, tmp_path / "b.p12"), trust, other, java)
    assert after.ok, after
    printed = subprocess.run(["keytool", "-printcert", "-file", str(uploaded)], check=True, capture_output=True, text=True).stdout
    assert printed.count("Owner:") == len(report.repair.chain) == 2


NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log info;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port} ssl; ssl_certificate {own.chain}; ssl_certificate_key {own.key};
    ssl_client_certificate {trust}; ssl_verify_client on; ssl_verify_depth {depth};
    location / {{ return 200 "welcome\\n"; }}
  }}
}}
"""


@contextmanager
def router(folder: Path, own: Identity, trust: Path, depth: int) -> Iterator[int]:
    """An nginx that asks for a client certificate, as an Edge Router does for a virtual host with two-way TLS."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, own=own, trust=trust, depth=depth))
    process = subprocess.Popen(["nginx", "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(folder / "nginx.conf")])
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize("name", ["sound", "missing intermediate", "unknown root", "expired", "intermediate as anchor", "two intermediates"])
def test_router_truststore_against_client_keystore(name: str, other: Identity, tmp_path: Path) -> None:
    case = CASES["client"][name]
    report = judged(case, "client")
    forms = [(case, report)]
    if report.mends:
        again = mended(case, report, "client")
        forms.append((again, judged(again, "client")))
    for stores, verdict in forms:
        own = identity(tmp_path, stores.presents)
        depth = 9 if any(mend.action == "raise-depth" for mend in report.mends) and stores is not case else 1
        with router(tmp_path, other, bundle(tmp_path, stores.trusts), depth) as port:
            command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-quiet", "-no-CAfile", *own.for_openssl()]
            request = "GET / HTTP/1.0\r\n\r\n"
            answer = subprocess.run(command, input=request, capture_output=True, text=True, timeout=20, check=False)
        accepts = verdict.by("nginx").accepts or depth > 1
        assert (" 200 OK" in answer.stdout) is accepts, (stores, answer)
        if not accepts:
            assert " 400 Bad Request" in answer.stdout  # no alert: the handshake was completed
            assert verdict.alerts("nginx") == {None}


@pytest.fixture(scope="module")
def go_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("go") / "dial"
    source = Path(__file__).parent / "oracles" / "dial.go"
    subprocess.run(["go", "build", "-o", str(program), str(source)], check=True, capture_output=True)
    return program


def accepts(stack: str, go_client: Path, trust: Path, port: int) -> bool:
    """Whether that client takes the server's certificate."""
    if stack == "python":
        context = ssl.create_default_context(cafile=str(trust))
        try:
            with context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname=HOST):
                return True
        except ssl.SSLCertVerificationError:
            return False
    command = {
        "curl": ["curl", "-sS", "--cacert", str(trust), "--resolve", f"{HOST}:{port}:127.0.0.1", f"https://{HOST}:{port}/"],
        "go": [str(go_client), str(trust), HOST, str(port)],
        "gnutls": ["gnutls-cli", "--x509cafile", str(trust), "--sni-hostname", HOST, "--verify-hostname", HOST, "-p", str(port), "127.0.0.1"],
    }[stack]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=20, check=False)
    return done.stdout.startswith("ok") if stack == "go" else done.returncode == 0


@pytest.mark.parametrize("stack", ["curl", "python", "go", "gnutls"])
@pytest.mark.parametrize(
    "name", ["sound", "intermediate as anchor", "pinned", "intermediate in the truststore", "missing intermediate", "unknown root", "expired root"]
)
def test_which_certificates_end_a_path(stack: str, name: str, go_client: Path, tmp_path: Path) -> None:
    case = CASES["server"][name]
    with serving(identity(tmp_path, case.presents)) as port:
        seen, said = accepts(stack, go_client, bundle(tmp_path, case.trusts), port), judged(case, "server").by(stack).accepts
    assert said is (None if (stack, name) == ("gnutls", "expired root") else seen)  # of GnuTLS only what all stacks share is known
