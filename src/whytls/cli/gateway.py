"""``whytls gateway``: runs a gateway over a folder, or restarts a component of one that runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whytls.cli.options import Command, Option, read
from whytls.exceptions import InputError, UsageError

if TYPE_CHECKING:
    from whytls.gateway.settings import Settings
    from whytls.gateway.up import Running, Wanted

COMPONENTS = ("router", "message-processor")

COMMAND = Command(
    name="gateway",
    title="runs a gateway on this machine that is set up as Apigee Edge is, fails as Edge does, and says why",
    usage="whytls gateway up [options] | whytls gateway restart router|message-processor [options]",
    text="Starts Management API, Router and Message Processor in one process, on loopback. What fails on either hop is answered as Edge answers it,\n"
    "and the cause stands in the trace (GET /trace on the management port, DIR/logs/trace.jsonl). Nothing here needs root: a virtual\n"
    "host's port below 1024 is listened on at 8000 more. Restart does what apigee-service does: stores that are named literally and\n"
    "DIR/customer/application/*.properties are read anew.",
    argument="WHAT",
    argument_help="up, or restart with router or message-processor",
    groups=(
        (
            "what it is",
            (
                Option(("--folder",), "where it keeps everything (./whytls-gateway)", "DIR", default="whytls-gateway", completes="directory"),
                Option(("--org",), "the organization that is made at the first start (local)", "NAME", default="local"),
                Option(("--env",), "its environment (test)", "NAME", default="test"),
                Option(("--router",), "its own Router, or the real nginx where that is installed", choices=("own", "nginx"), default="own"),
                Option(("--resolve",), "a backend's address, before the system is asked: api.example.com=127.0.0.1", "HOST=ADDRESS", repeat=True),
            ),
        ),
        (
            "where it listens",
            (
                Option(("--management-port",), "of the Management API (8080); 0: any free one", "PORT", default="8080"),
                Option(("--port",), "listen for a virtual host's port on another one: 443=9443", "PORT=PORT", repeat=True),
                Option(("--listen",), "the address (127.0.0.1)", "ADDRESS", default="127.0.0.1"),
                Option(("--anywhere",), "--listen may be an address that other machines reach"),
            ),
        ),
        (
            "what it tells",
            (
                Option(("--cause-header",), "answers to failures say why: X-Whytls-Cause"),
                Option(("--record",), "write what passes to DIR/logs/gateway.pcap, for whytls diagnose and Wireshark"),
            ),
        ),
    ),
    examples=(
        ("whytls gateway up", "its own Router, Message Processor and Management API, in ./whytls-gateway"),
        ("whytls gateway up --record --cause-header --port 443=9443", "with a recording, and causes in the answers"),
        ("whytls gateway restart message-processor", "after a keystore that is named literally was replaced"),
    ),
)


def run(arguments: Sequence[str]) -> int:
    """Run a gateway until it is stopped, or restart a component; the value is the exit code."""
    values = read(COMMAND, arguments)
    words = values["argument"]
    if words == ["up"]:
        return _up(values)
    if len(words) == 2 and words[0] == "restart" and words[1] in COMPONENTS:
        return _restart(Path(values["folder"]), words[1])
    raise UsageError("what is to be done?", hint=f"usage: {COMMAND.usage}")


def _up(values: dict[str, Any]) -> int:
    import asyncio

    wanted = _wanted(values)
    try:
        from whytls.gateway.up import until_stopped
    except ModuleNotFoundError as missing:
        raise UsageError(f"the gateway needs {missing.name}, which is not installed", hint="pip install 'whytls[gateway]'") from None
    state = wanted.folder / "running"

    def say(gateway: Running) -> None:
        _written(state, gateway.management)
        print(f"Management API   {gateway.management}   user {gateway.user}, password (and bearer token) {gateway.token}")
        for port, real in sorted(gateway.ports.items()):
            print(f"Router           port {port}{'' if port == real else f' is listened on at {real}'}")
        if not gateway.ports:
            print("Router           no virtual host yet: it listens when the first is made")
        print(f"trace            {gateway.management}/trace, {wanted.folder / 'logs' / 'trace.jsonl'}")
        print("Ctrl-C ends it.", flush=True)

    try:
        asyncio.run(until_stopped(wanted, say, lambda text: print(f"whytls: {text}", file=sys.stderr, flush=True)))
    finally:
        state.unlink(missing_ok=True)
    return 0


def _wanted(values: dict[str, Any]) -> Wanted:
    try:
        from whytls.gateway.up import Wanted
    except ModuleNotFoundError as missing:
        raise UsageError(f"the gateway needs {missing.name}, which is not installed", hint="pip install 'whytls[gateway]'") from None
    settings = _settings(values)
    return Wanted(
        Path(values["folder"]), settings, _port(values["management_port"], least=0), values["org"], values["env"], values["router"], values["record"],
        values["anywhere"],
    )  # fmt: skip


def _settings(values: dict[str, Any]) -> Settings:
    from ipaddress import ip_address

    from whytls.gateway.settings import ProcessorSettings, Settings

    ports: dict[int, int] = {}
    for pair in values["port"]:
        port, _, real = pair.partition("=")
        ports[_port(port)] = _port(real, least=0)
    hosts: dict[str, str] = {}
    for pair in values["resolve"]:
        name, _, address = pair.partition("=")
        try:
            hosts[name.strip().lower()] = str(ip_address(address.strip("[] ")))
        except ValueError:
            raise UsageError(f"{pair[:80]!r} names no address", hint="--resolve api.example.com=127.0.0.1") from None
    try:
        reachable = not ip_address(values["listen"]).is_loopback
    except ValueError:
        raise UsageError(f"{values['listen'][:60]!r} is no address", hint="--listen 127.0.0.1") from None
    if reachable and not values["anywhere"]:
        raise UsageError(f"{values['listen']} can be reached from other machines", hint="--anywhere, if that is meant")
    return Settings(processor=ProcessorSettings(hosts=hosts), cause_header=values["cause_header"], ports=ports, listen=values["listen"])


def _port(text: str, least: int = 1) -> int:
    if not (text.isascii() and text.isdecimal() and least <= int(text) < 65_536):
        raise UsageError(f"{text[:20]!r} is no port", hint="--port 443=9443")
    return int(text)


def _written(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(text)


def _restart(folder: Path, component: str) -> int:
    """Asks the gateway that runs over the folder."""
    from http.client import HTTPConnection, HTTPException
    from json import JSONDecodeError, loads
    from urllib.parse import urlsplit

    from whytls.gateway.sealing import Secret

    try:
        address = urlsplit((folder / "running").read_text(encoding="ascii"))
    except (OSError, ValueError):
        raise InputError("no gateway runs over this folder", file=str(folder), hint="whytls gateway up --folder …") from None
    secret = Secret.from_environment() or Secret.from_file(folder / "secret")
    connection = HTTPConnection(address.hostname or "127.0.0.1", address.port, timeout=10)
    try:
        connection.request("POST", f"/restart/{component}", headers={"Authorization": f"Bearer {secret.token}"})
        response = connection.getresponse()
        told = loads(response.read(1 << 16))
    except (OSError, HTTPException, JSONDecodeError) as error:
        raise InputError(f"the gateway at {address.netloc} does not answer: {error}", hint="is it still running?") from None
    finally:
        connection.close()
    if response.status != 200:
        raise InputError(f"the gateway did not restart its {component}: {told.get('message', response.status)}")
    print(f"{component} restarted")
    return 0
