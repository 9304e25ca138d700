"""``whytls check``: a few lines over ``whytls.check``: reads the call, picks the report, tells how it ended."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from whytls.cli import passwords
from whytls.cli.options import COLOUR, Command, Option, read
from whytls.exceptions import InputError, UsageError, WhytlsError
from whytls.report.terminal import style_of

if TYPE_CHECKING:
    from whytls.checking.result import CheckResult
    from whytls.checking.run import Check

FORMATS = ("text", "json", "jsonl")
BELOW = {"pair": "check_pair"}  # the words that are commands of their own; a file of that name is ./pair

AT = Option(("--at",), "judge for this time: 2026-03-01T09:30 (UTC), or seconds since 1970; by default now", "TIME")
WITH = Option(("--with",), "other certificates at hand, from which chains are completed", "FILE", repeat=True, completes="file")
CRL = Option(("--crl",), "a revocation list", "FILE", repeat=True, completes="file")
OCSP = Option(("--ocsp",), "an OCSP response", "FILE", repeat=True, completes="file")
FORMAT = Option(("--format",), "text, the default, is for people; jsonl is a line for each", choices=FORMATS, default="text")
OUTPUT = Option(("--output",), "write to this file instead of the terminal", "FILE", completes="file")

COMMAND = Command(
    name="check",
    title="certificates, chains, keystores and truststores: what is wrong with them",
    usage="whytls check FILE|FOLDER|HOST:PORT|system|java... [options]\n       whytls check pair --presents STORE --trusts STORE [options]",
    text="Judges certificates at rest, and those that an endpoint shows: chain, dates, names, keys; says what would be refused by whom,\n"
    "who can mend it and how. whytls check pair says whether one side's truststore accepts what the other side presents.",
    argument="SOURCE",
    argument_help="PEM, DER, PKCS #7, PKCS #12, JKS, JCEKS, an nginx configuration, a folder; HOST:PORT, [ADDRESS]:PORT; system, certifi, java",
    completes="file",
    groups=(
        (
            "what is expected of them",
            (
                Option(("--expect-host",), "the name that clients call: compared as each client does it", "NAME"),
                Option(("--trust",), "the other side's anchors: any store; or system, java (else: not judged)", "STORE", completes="file"),
                Option(("--purpose",), "whose certificates they are (default: as they say)", choices=("server", "client")),
                AT,
                Option(("--warn-days",), "what ends within so many days is a warning (default: 30)", "N", default="30"),
            ),
        ),
        (
            "what is known besides",
            (
                WITH,
                CRL,
                OCSP,
                Option(("--fetch-issuers",), "fetch missing issuers from where certificates say (the only use of the network besides HOST:PORT)"),
                Option(("--allow-private",), "with --fetch-issuers: also from private addresses"),
            ),
        ),
        (
            "passwords (never on the command line itself)",
            (*passwords.options("", "the store"), *passwords.options("key-", "its private keys, where they have their own")),
        ),
        (
            "output",
            (
                Option(("--verbose", "-v"), "every entry, all notes and dates, fixes with what can be copied"),
                Option(("--repair",), "write the repaired chain into this file, or a folder with one for each entry", "FILE", completes="file"),
                FORMAT,
                OUTPUT,
                COLOUR,
                Option(("--fail-on-warning",), "exit code 1 also where there are only warnings"),
            ),
        ),
    ),
    examples=(
        ("whytls check fullchain.pem --expect-host api.example.com", "chain, dates and names"),
        ("whytls check keystore.p12 --password-env STORE_PASSWORD --trust truststore.jks", "and whether it is trusted"),
        ("whytls check api.example.com:443", "what a server shows, with its name and without"),
        ("whytls check /etc/nginx/nginx.conf", "every server's certificate, key and names"),
        ("whytls check pair --presents keystore.p12 --trusts truststore.jks", "two stores against each other"),
    ),
)


def run(arguments: Sequence[str]) -> int:
    """Check what the call names; the value is the exit code."""
    if arguments and arguments[0] in BELOW:
        from importlib import import_module

        code: int = import_module(f"whytls.cli.{BELOW[arguments[0]]}").run(list(arguments[1:]))
        return code
    values = read(COMMAND, arguments)
    if not values["argument"]:
        raise UsageError("what is to be checked?", hint="whytls check FILE, or HOST:PORT")
    started = _start(values)
    repairs = _Repairs(values["repair"], values["argument"]) if values["repair"] else None
    with output(values["output"], values["argument"]) as out:
        report = _reporter(values, out)
        error = None
        try:
            for result in started:
                report.add(result)
                if repairs is not None:
                    repairs.take(result)
        except WhytlsError as problem:
            error = str(problem)
        report.close(started.warnings, error)
        out.flush()
    if repairs is not None:
        repairs.write()
    return ending(report, error, values, started.warnings)


def ending(report: Any, error: str | None, values: dict[str, Any], warnings: Sequence[str] = ()) -> int:
    """The exit code: 0 nothing is wrong, 1 something is, 2 not everything could be read."""
    from whytls.cli.main import complain

    if values["format"] == "jsonl":  # it has no place for notes
        for warning in warnings[:20]:
            print(f"whytls: note: {_shown(warning)}", file=sys.stderr)
    if error is not None:
        return complain(error)
    return 1 if report.failed or (values.get("fail_on_warning") and report.warned) else 0


def _shown(text: str) -> str:
    from whytls.report.visible import visible

    return visible(text)


def _start(values: dict[str, Any]) -> Check:
    from whytls.api import check

    return check(
        *values["argument"],
        expect_host=values["expect_host"],
        purpose=values["purpose"],
        trust=values["trust"],
        with_=values["with"],
        crl=values["crl"],
        ocsp=values["ocsp"],
        at=values["at"],
        warn_days=number(values["warn_days"], "--warn-days"),
        fetch_issuers=values["fetch_issuers"],
        allow_private=values["allow_private"],
        password=passwords.given(values, "", "the store"),
        key_password=passwords.given(values, "key_", "its private keys"),
    )


def number(text: str, flag: str) -> int:
    """A whole number of an option."""
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise UsageError(f"{flag} {text[:50]!r} is no number of days", hint=f"{flag} 30")
    return int(text)


def _reporter(values: dict[str, Any], out: IO[str]) -> Any:
    if values["format"] != "text":
        from whytls.report.check_json import CheckJson

        return CheckJson(out.write, lines=values["format"] == "jsonl")
    from whytls.report.check import CheckReport

    return CheckReport(out.write, style_of(out, values["color"]), verbose=values["verbose"], warn_days=number(values["warn_days"], "--warn-days"))


@contextmanager
def output(path: str | None, sources: Sequence[str]) -> Iterator[IO[str]]:
    """Where the report goes: stdout, or a file that is none of the sources."""
    if path is None or path == "-":
        yield sys.stdout
        return
    if os.path.exists(path) and any(os.path.exists(source) and os.path.samefile(source, path) for source in sources):
        raise UsageError(f"{path} is what is to be checked", hint="--output names the file to be written")
    with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
        yield file


class _Repairs:
    """Repaired chains on their way into a file, or into a folder with one for each entry."""

    def __init__(self, target: str, sources: Sequence[str]) -> None:
        if any(os.path.exists(source) and os.path.exists(target) and os.path.samefile(source, target) for source in sources):
            raise UsageError(f"{target} is what is to be checked", hint="--repair names another file, so that nothing is lost")
        self._target, self._folder = target, os.path.isdir(target) or target.endswith(os.sep)
        self._chains: list[tuple[str, str]] = []  # name, PEM
        self._short: list[str] = []

    def take(self, result: CheckResult) -> None:
        """Keep the chain of this entry as it should be, where it is one that is presented."""
        from whytls.pki.repair import repaired, to_pem

        if result.kind == "trusted" or not result.chain or result.report is None:
            return
        mended = result.repair or repaired(result.chain, at=result.at, purpose=result.purpose)
        if mended.missing is not None and not mended.missing.maybe_root:
            self._short.append(f"{result.subject}: its issuer {mended.missing.subject} is not at hand (--with FILE, or --fetch-issuers)")
        name = result.alias or (result.own.common_name if result.own else "") or "chain"
        self._chains.append((name, to_pem(mended.chain)))

    def write(self) -> None:
        """Write them.

        Raises:
            InputError: there is nothing to write, more than fits the one file named, or an issuer is missing.
        """
        from whytls.report.visible import visible

        if not self._chains:
            raise InputError("nothing that is presented was found, so no chain was written", file=self._target)
        if not self._folder and len(self._chains) > 1:
            raise InputError(f"{len(self._chains)} chains do not belong into one file", file=self._target, hint="--repair FOLDER/ writes one each")
        if self._folder:
            os.makedirs(self._target, exist_ok=True)
        used: set[str] = set()
        for name, pem in self._chains:
            path = os.path.join(self._target, _free(name, used)) if self._folder else self._target
            with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(pem)
        for text in self._short:
            print(f"whytls: note: the chain written is not complete: {visible(text)}", file=sys.stderr)


def _free(name: str, used: set[str]) -> str:
    """A file name that cannot leave its folder, and that no other chain of this call has."""
    plain = "".join(sign if sign.isascii() and (sign.isalnum() or sign in ".-") else "-" for sign in name[:80]).strip(".-") or "chain"
    found, count = f"{plain}.pem", 1
    while found in used:
        count += 1
        found = f"{plain}-{count}.pem"
    used.add(found)
    return found
