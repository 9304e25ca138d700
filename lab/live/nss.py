"""NSS's `selfserv`: sites are the nicknames of its database; it always listens on all addresses."""

from __future__ import annotations

from pathlib import Path

from lab.live import words
from lab.live.serve import ALL, TLS13, Command, Pair, Serve, Unsupported, cannot, contiguous, one_per_type
from lab.live.stores import nss_database
from whytls.wire.registry import version_name

_DEFAULT_13 = (0x1301, 0x1303, 0x1302)


def command(serve: Serve, folder: Path, port: int) -> Command:
    """Makes the database; the command line."""
    cannot(serve, "unknown_name", "alert")
    cannot(serve, "no_name", "reject")
    cannot(serve, "dh_bits")
    cannot(serve, "extended_master_secret")
    cannot(serve, "order", "client")
    if serve.alpn not in ((), ("http/1.1",)):
        raise Unsupported(serve.stack, f"the protocols {', '.join(serve.alpn)}")
    for version in serve.versions:
        if version not in words.NSS_VERSIONS:
            raise Unsupported(serve.stack, version_name(version))
    least, most = contiguous(serve)
    line = ["selfserv", "-p", str(port), "-v", "-V", f"{words.NSS_VERSIONS[least]}:{words.NSS_VERSIONS[most]}", *_suites(serve)]
    line += ["-Q"] if serve.alpn else []
    line += ["-I", ",".join(_group(serve, name) for name in serve.groups)] if serve.groups else []
    line += ["-J", ",".join(_scheme(serve, name) for name in serve.signature_schemes)] if serve.signature_schemes else []
    line += {"none": [], "optional": ["-r"], "required": ["-r", "-r"]}[serve.client_auth]
    entries = _entries(serve)
    line += ["-d", nss_database(folder / "nss", entries, [serve.client_ca] if serve.client_ca else [])]
    line += [word for nickname in entries if nickname.startswith("default-") for word in ("-e" if nickname == "default-ec" else "-n", nickname)]
    # The first of them is selfserv's idea of its own name, which it never shows a certificate for; a nickname that nobody asks for.
    line += [word for name in ("own.invalid", *serve.names) for word in ("-a", name)] if serve.names else []
    return Command(line, {"NSS_SSL_REQUIRE_SAFE_NEGOTIATION": "1"} if serve.secure_renegotiation else {})


def _entries(serve: Serve) -> dict[str, Pair]:
    """Nicknames: a named site's is its name, which is how selfserv finds it."""
    if serve.names and serve.unknown_name != "reject":
        raise Unsupported(serve.stack, "other sites without refusing unknown names")
    found = {f"default-{kind}": pair for kind, pair in one_per_type(serve).items()}
    for name, pairs in serve.names.items():
        if len(pairs) > 1:
            raise Unsupported(serve.stack, "two key types for a site that has a name")
        found[name] = pairs[0]
    if "default-ed25519" in found:
        raise Unsupported(serve.stack, "a certificate with an Ed25519 key")
    subjects = [pair.leaf.subject for pair in found.values()]
    if len(set(subjects)) < len(subjects):
        raise Unsupported(serve.stack, "two certificates of one subject: a nickname belongs to a subject")
    return found


def _suites(serve: Serve) -> list[str]:
    if serve.suites == ALL:
        raise Unsupported(serve.stack, "everything that NSS has: it must be named")
    if not serve.suites:
        return []
    old, new = words.suites(serve)
    if not old and min(serve.versions) < TLS13:
        raise Unsupported(serve.stack, "its own suites before TLS 1.3 beside a list for TLS 1.3")
    return ["-c", "".join(f":{number:04X}" for number in (*(new or _DEFAULT_13), *old))]


def _group(serve: Serve, name: str) -> str:
    if name not in words.NSS_GROUPS:
        raise Unsupported(serve.stack, f"the group {name}")
    return words.NSS_GROUPS[name]


def _scheme(serve: Serve, name: str) -> str:
    if name.startswith(("rsa_p", "ecdsa_")) and not name.endswith(("md5", "sha224")):
        return name
    raise Unsupported(serve.stack, f"the signature scheme {name}")
