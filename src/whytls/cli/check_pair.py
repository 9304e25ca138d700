"""``whytls check pair``: a few lines over ``whytls.check_pair``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from whytls.cli import passwords
from whytls.cli.check import AT, CRL, FORMAT, OCSP, OUTPUT, WITH, ending, output
from whytls.cli.options import COLOUR, Command, Option, read
from whytls.exceptions import UsageError, WhytlsError
from whytls.report.terminal import Style, style_of

if TYPE_CHECKING:
    from whytls.checking.pairs import PairResult

SIDES = ("router-client", "client-router", "target-processor", "processor-target")

COMMAND = Command(
    name="check pair",
    title="does one side's truststore accept what the other side presents?",
    usage="whytls check pair --presents STORE|HOST:PORT --trusts STORE [options]",
    text="Judges what one side presents by what the other side trusts, for each TLS stack: who refuses it, with which alert on the wire,\n"
    "and what has to be done in which store. Every entry with a private key is judged.",
    argument="",
    argument_help="",
    groups=(
        (
            "the two sides",
            (
                Option(("--presents",), "the keystore of the side that shows its certificate; or HOST:PORT", "STORE", completes="file"),
                Option(("--trusts",), "the truststore of the side that judges it: any store; or system, java", "STORE", completes="file"),
                Option(("--as",), "who presents and who trusts, by name; tells the usage too", choices=SIDES),
                Option(("--usage",), "whose certificate it is: the server's (default), or the client's", choices=("server", "client")),
                Option(("--presents-alias",), "only this entry of the keystore", "ALIAS"),
                Option(("--host",), "the name that the client calls", "NAME"),
                AT,
            ),
        ),
        ("what is known besides", (WITH, CRL, OCSP)),
        (
            "passwords (never on the command line itself)",
            (*passwords.options("presents-", "the keystore"), *passwords.options("trusts-", "the truststore")),
        ),
        ("output", (FORMAT, OUTPUT, COLOUR)),
    ),
    examples=(
        ("whytls check pair --presents keystore.p12 --trusts truststore.jks", "a server's certificate, for its clients"),
        ("whytls check pair --as client-router --presents client.p12 --trusts router-trust.jks", "mutual TLS at the Router"),
        ("whytls check pair --presents backend.example:443 --trusts truststore.jks --as target-processor", "a live backend"),
    ),
)


def run(arguments: Sequence[str]) -> int:
    """Check the pair that the call names; the value is the exit code."""
    values = read(COMMAND, arguments)
    if values["argument"]:
        raise UsageError(f"{values['argument'][0][:100]!r} stands alone", hint="whytls check pair --presents STORE --trusts STORE")
    for side in ("presents", "trusts"):
        if values[side] is None:
            raise UsageError(f"which store {side}?", hint="whytls check pair --presents STORE --trusts STORE")
    from whytls.api import check_pair

    found = check_pair(
        values["presents"],
        values["trusts"],
        host=values["host"],
        usage=values["usage"],
        as_=values["as"],
        presents_alias=values["presents_alias"],
        with_=values["with"],
        crl=values["crl"],
        ocsp=values["ocsp"],
        at=values["at"],
        presents_password=passwords.given(values, "presents_", "the keystore"),
        trusts_password=passwords.given(values, "trusts_", "the truststore"),
    )
    with output(values["output"], [values["presents"], values["trusts"]]) as out:
        report: Any = _Text(out.write, style_of(out, values["color"])) if values["format"] == "text" else _json(values, out.write)
        error = None
        try:
            for result in found:
                report.add(result)
        except WhytlsError as problem:
            error = str(problem)
        report.close((), error)
        out.flush()
    return ending(report, error, values)


def _json(values: dict[str, Any], write: Callable[[str], object]) -> Any:
    from whytls.report.check_json import CheckJson

    return CheckJson(write, lines=values["format"] == "jsonl")


class _Text:
    """Pairs for people, one below the other."""

    def __init__(self, write: Callable[[str], object], style: Style) -> None:
        self._write, self._style = write, style
        self.failed = self.warned = 0

    def add(self, result: PairResult) -> None:
        """Write one pair."""
        from whytls.report.pairing import Names, draw_pair
        from whytls.report.visible import visible

        self.failed += result.refused
        where = f"{result.place}{f', alias {result.alias}' if result.alias else ''}"
        lines = self._style.fit(f"{visible(where)} against {visible(result.trusts)}", "", "  ")
        lines += draw_pair(result.pair, self._style, Names(result.roles.presents, result.roles.trusts))
        causes = list(dict.fromkeys(problem.cause for problem in result.problems))
        lines += [f"  More about a cause and its fix: whytls explain {causes[0]}"] if causes and result.refused else []
        lines += [f"note: {visible(warning)}" for warning in result.warnings[:3]]
        for line in [*lines, ""]:
            self._write(self._style.sign(line) + "\n")

    def close(self, warnings: Sequence[str] = (), error: str | None = None) -> None:
        """Nothing is left to be said."""
