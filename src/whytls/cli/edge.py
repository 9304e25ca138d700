"""``whytls edge``: an environment of a gateway, as a list or as a folder that can be read where its Management API cannot be reached."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from whytls.cli.options import Command, Option, read
from whytls.exceptions import UsageError

if TYPE_CHECKING:
    from whytls.edge.environment import Environment

COMMAND = Command(
    name="edge",
    title="a gateway's environment, by its Management API or from files: what is in it, and as a folder",
    usage="whytls edge GATEWAY [--export FOLDER]",
    text="Reads an environment of Apigee Edge and lists its virtual hosts, targets and keystores; or writes it into a folder,\n"
    "without private keys, which whytls diagnose --edge reads like the API itself. It only reads from the gateway.",
    argument="GATEWAY",
    argument_help="https://HOST/v1/o/ORG/e/ENV; a folder or file: an export, edge.json, proxy bundle, nginx.conf, properties; #ENV chooses one",
    groups=(
        (
            "how",
            (
                Option(("--export",), "write everything that TLS depends on into this new folder", "FOLDER", completes="directory"),
                Option(("--edge-config",), "file with a table [edge]: who we are to that API (else: environment, .netrc)", "FILE", completes="file"),
            ),
        ),
    ),
    examples=(
        ("whytls edge https://mgmt.example.com/v1/o/acme/e/prod", "what is in it"),
        ("whytls edge https://mgmt.example.com/v1/o/acme/e/prod --export acme-prod", "for a colleague without access"),
        ("whytls diagnose edge.pcap --edge acme-prod", "names virtual host, keystore and alias"),
    ),
    several=False,
    completes="file",
)


def run(arguments: Sequence[str]) -> int:
    """List an environment, or export it."""
    from whytls.report.visible import visible

    values = read(COMMAND, arguments)
    if not values["argument"]:
        raise UsageError("there is no gateway named", hint=f"usage: {COMMAND.usage}")
    from whytls.edge.context import read_environment

    environment = read_environment(values["argument"][0], values["edge_config"])
    if values["export"]:
        from whytls.edge.export import export

        written = export(environment, values["export"])
        print(f"{len(written)} files in {visible(values['export'])}; there are no private keys in them.")
    else:
        for line in lines(environment):
            print(visible(line))
    for warning in environment.warnings:
        print(f"note: {visible(warning)}", file=sys.stderr)
    return 0


def lines(environment: Environment) -> Iterator[str]:
    """The environment, a line for each virtual host, target and keystore."""
    from whytls.edge.environment import targets

    yield f"{environment}  ({environment.source})" if str(environment) != environment.source else environment.source
    for host in environment.virtual_hosts.values():
        found = environment.presented(host.tls)
        presents = f"{found[0]}, alias {found[1].name}" if found else "no keystore that is known" if host.speaks_tls else "plain HTTP"
        mutual = ", asks for client certificates" if host.tls is not None and host.tls.client_auth_enabled else ""
        yield f"  virtual host {host.name}: port {host.port}, {', '.join(host.host_aliases[:5]) or 'no alias'}: {presents}{mutual}"
    for target in targets(environment):
        how = "TLS" if target.speaks_tls else "plain HTTP"
        trust = environment.store(target.tls.trust_store) if target.tls is not None else None
        yield f"  {target}: {target.host}:{target.port}, {how}{f', trusts {trust}' if trust else ''}"
    for store in environment.keystores.values():
        keyed = sum(alias.has_key for alias in store.aliases)
        yield f"  keystore {store.name}: {len(store.aliases)} aliases, {keyed} with a private key"
    for setting in environment.settings:
        if setting.token.startswith(("jsse.", "jdk.tls.", "https.", "load.balancing.driver.server.ssl")):
            yield f"  {setting}  ({setting.place})"
