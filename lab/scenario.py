"""A scenario is a function: its docstring says what fails and why, its run writes ``tests/corpus/<slug>--<what>/``.

    @scenario("client-certificate-missing", "nginx-400-tls12")
    def no_certificate_for_the_router(lab: Lab) -> None:
        \"\"\"The Router asks for a certificate, gets none, ...\"\"\"

A run makes its hosts, starts real servers, records, lets real clients fail, and asserts from exit codes, logs and the recording
(read with tshark) that exactly the wanted thing happened. Only then is the folder written. The expectation is the author's;
the tool under test has no part in it.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lab import expect, record
from lab.expect import Expected
from lab.net import Done, Host, LabError, Network
from lab.record import Connection
from lab.versions import versions

CORPUS = Path(__file__).resolve().parent.parent / "tests" / "corpus"
ROOT = CORPUS.parent.parent
Function = Callable[["Lab"], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A registered function with the folder it writes."""

    slug: str
    what: str
    function: Function

    @property
    def name(self) -> str:
        """Folder name."""
        return f"{self.slug}--{self.what}"

    @property
    def description(self) -> str:
        """What fails and why."""
        return inspect.cleandoc(self.function.__doc__ or "")

    @property
    def place(self) -> str:
        """Module and function, for the README."""
        return f"{self.function.__module__}.{self.function.__name__}"


REGISTRY: dict[str, Scenario] = {}


def scenario(slug: str, what: str) -> Callable[[Function], Function]:
    """Register a function under ``<slug>--<what>``; a name can be given once, and a docstring is a must."""

    def register(function: Function) -> Function:
        found = Scenario(slug, what, function)
        if found.name in REGISTRY:
            raise LabError(f"two scenarios are called {found.name}")
        if slug != "completed" and slug not in expect.SLUGS:
            raise LabError(f"{found.name}: no cause is called {slug}")
        if not found.description:
            raise LabError(f"{found.name}: the docstring is missing")
        REGISTRY[found.name] = found
        return function

    return register


def load() -> dict[str, Scenario]:
    """All scenarios, by name."""
    package = importlib.import_module("lab.scenarios")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"lab.scenarios.{module.name}")
    return REGISTRY


@dataclass(slots=True)
class Lab:
    """What a scenario works with: hosts, a recording, and the list of what has to be said about it."""

    work: Path
    network: Network
    pcap: Path
    stacks: tuple[str, ...] = ()
    expected: list[Expected] = field(default_factory=list)
    topology: tuple[str, ...] = ()
    inferable: bool = True
    said: list[str] = field(default_factory=list)
    derived: list[tuple[str, str, list[Connection], list[Expected]]] = field(default_factory=list)
    stores: list[tuple[str, str, Path]] = field(default_factory=list)  # option, side, file: kept beside the capture
    decided: dict[int, dict[str, Any]] = field(default_factory=dict)  # what the stores change, by the number of the stream
    _connections: list[Connection] = field(default_factory=list)

    def names(self, **hosts: str) -> None:
        """Host names that all hosts know (`shop_maple_test` stands for shop.maple.test); call before `host`."""
        self.network.names.update({name.replace("_", "."): address for name, address in hosts.items()})

    def host(self, name: str, *addresses: str) -> Host:
        """A machine on the switch."""
        return self.network.host(name, *addresses)

    @contextmanager
    def record(
        self,
        host: Host,
        *,
        interface: str = "any",
        what: str = "tcp or icmp",
        ports: Sequence[int] = (),
        decode: Sequence[str] = (),
        snaplen: int = 0,
    ) -> Iterator[None]:
        """Record while the block runs, then read what was recorded."""
        with record.recording(host, self.pcap, interface=interface, what=what, snaplen=snaplen):
            yield
        self._connections = record.read(self.pcap, ports, decode)

    def seen(self, *, client: str = "", server: str = "", port: int = 0, sni: str | None = None, nth: int = 0) -> Connection:
        """The nth connection of the recording with those ends."""
        found = [
            c
            for c in self._connections
            if (not client or c.client[0] == client)
            and (not server or c.server[0] == server)
            and (not port or c.server[1] == port)
            and (sni is None or c.sni == sni)
        ]
        if len(found) <= nth:
            ends = [(c.client, c.server, c.sni) for c in self._connections]
            raise LabError(f"no connection {client} -> {server}:{port} #{nth}; recorded: {ends}")
        return found[nth]

    @property
    def connections(self) -> list[Connection]:
        """All connections of the recording, in order."""
        return self._connections

    def failed(self, connection: Connection, cause: str, **rest: Any) -> Expected:
        """Expect a failure; see Expected for what can be said about it."""
        item = Expected(connection, "failed", cause=cause, **_tuples(rest))
        self.expected.append(item)
        return item

    def completed(self, connection: Connection, **rest: Any) -> Expected:
        """Expect a handshake that completed."""
        item = Expected(connection, "completed", **_tuples(rest))
        self.expected.append(item)
        return item

    def nothing(self, connection: Connection, **rest: Any) -> Expected:
        """Expect that a connection is not spoken of as a failure: it carries no TLS, and none was wanted."""
        item = Expected(connection, "none", **_tuples(rest))
        self.expected.append(item)
        return item

    def store(self, option: str, side: str, file: str) -> None:
        """Keep a store beside the capture, to be given as `option` of a side; it must not hold a private key."""
        self.must("PRIVATE KEY" not in Path(file).read_bytes().decode("latin-1"), f"{file} holds no private key")
        self.stores.append((option, side, Path(file)))

    def decide(self, item: Expected, **change: Any) -> None:
        """What is said of that connection where the stores are given."""
        self.decided[item.connection.stream] = _tuples(change)

    def derive(self, slug: str, what: str, keep: Sequence[Expected], **change: Any) -> None:
        """A second folder: the recording with only the connections of `keep`; `change` is what differs for its failures."""
        kept = {item.connection.stream for item in keep}
        drop = [c for c in self._connections if c.stream not in kept]
        changed = [replace(e, **change) if e.outcome == "failed" else e for e in keep]
        self.derived.append((slug, what, drop, changed))

    def must(self, true: object, what: str) -> None:
        """Assert something about what happened; the scenario is not written where it is false."""
        if not true:
            streams = [f"{c.client} -> {c.server} sni={c.sni!r} alerts={c.alerts()}" for c in self._connections]
            raise LabError(f"did not happen: {what}\n" + "\n".join(streams))

    def quote(self, who: str, text: str | Done | Path, *marks: str) -> None:
        """Keep the lines of an output that hold one of `marks`, for the README; each mark has to be there."""
        body = text.said if isinstance(text, Done) else text.read_text(errors="replace") if isinstance(text, Path) else text
        for mark in marks:
            line = next((line.strip() for line in body.splitlines() if mark in line), None)
            if line is None:
                raise LabError(f"{who} did not say {mark!r}:\n{body[-3000:]}")
            line = line.replace(str(self.work) + "/", "")
            if f"{who}: {line[:240]}" not in self.said:
                self.said.append(f"{who}: {line[:240]}")


def run(found: Scenario, target: Path = CORPUS, debris: Path | None = None) -> list[Path]:
    """Run one scenario and write its folder (and those derived from it); nothing is written where it went otherwise than meant.

    With `debris` the run's temporary folder (logs, capture, keys) is moved there to be looked at.
    """
    work = Path(tempfile.mkdtemp(prefix="lab-"))
    work.chmod(0o755)
    network = Network(work)
    lab = Lab(work, network, work / "capture.pcap")
    try:
        found.function(lab)
        network.close()
        wrong = expect.check([*lab.expected, *_with_stores(lab).expected])
        if {e.connection.stream for e in lab.expected} != {c.stream for c in lab.connections}:
            wrong.append(f"{len(lab.connections)} connections were recorded, {len(lab.expected)} are expected")
        if wrong:
            raise LabError("; ".join(wrong))
        folders = [_write(found, lab, target / found.name, lab.pcap, lab.expected, "")]
        for slug, what, drop, expected in lab.derived:
            cut = work / f"{what}.pcap"
            record.without(lab.pcap, cut, drop)
            fresh = _renumber(cut, lab.pcap, expected)
            note = f"Derived from `{found.name}`: the same recording with these connections left out: {_ends(drop)}."
            folders.append(_write(found, lab, target / f"{slug}--{what}", cut, fresh, note))
        return folders
    finally:
        network.close()
        if debris:
            shutil.rmtree(debris / found.name, ignore_errors=True)
            shutil.move(work, debris / found.name)
        shutil.rmtree(work, ignore_errors=True)


def _tuples(rest: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in rest.items()}


def _renumber(cut: Path, whole: Path, expected: Sequence[Expected]) -> list[Expected]:
    """Give expectations the frame numbers of a recording from which packets were taken."""
    gone: list[int] = []
    times = {p.frame: (p.source, p.target, p.time) for c in record.read(whole) for p in c.packets}
    places = {(p.source, p.target, p.time): p.frame for c in record.read(cut) for p in c.packets}
    fresh = []
    for item in expected:
        kept = {p.frame: places[times[p.frame]] for p in item.connection.packets}
        packets = [replace(p, frame=kept[p.frame]) for p in item.connection.packets]
        gone += [f for f in item.frames if f not in kept]
        connection = replace(item.connection, packets=packets)
        fresh.append(replace(item, connection=connection, frames=tuple(kept[f] for f in item.frames), related=()))
    if gone:
        raise LabError(f"frames {gone} are cited and were taken out")
    return fresh


def _write(found: Scenario, lab: Lab, folder: Path, pcap: Path, expected: Sequence[Expected], note: str) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copyfile(pcap, folder / "capture.pcap")
    runs = expect.runs(expected, lab.topology, lab.inferable)
    if lab.stores:
        (folder / "stores").mkdir()
        for _, _, file in lab.stores:
            shutil.copyfile(file, folder / "stores" / file.name)
        runs.append(_with_stores(lab))
    parts = [run.text() for run in runs]
    head = f"# Written by `python -m lab record {found.name}`; the words are explained in tests/corpus/README.md.\n"
    (folder / "expect.toml").write_text(head + "\n" + "\n".join(parts))
    (folder / "README.md").write_text(_readme(found, lab, folder.name, expected, note))
    return folder


def _with_stores(lab: Lab) -> expect.Run:
    options = [word for option, side, file in lab.stores for word in (f"--{option}", f"{side}=stores/{file.name}")]
    return expect.given_stores(lab.expected, [*lab.topology, *options], lab.decided)


def _readme(found: Scenario, lab: Lab, name: str, expected: Sequence[Expected], note: str) -> str:
    lines = [f"# {name}", "", found.description, ""]
    if note:
        lines += [note, ""]
    lines += ["## Who is who", ""]
    lines += [f"- {host.name}: {', '.join(host.addresses)}" for host in lab.network.hosts]
    notes = [f"- {expect._end(e.connection.client)}: {e.note}" for e in expected if e.note]
    if notes:
        lines += ["", "## Notes", "", *notes]
    if lab.stores:
        lines += ["", "## Stores", "", "In `stores/`, without private keys:", ""]
        lines += [f"- `{file.name}`: {option} of the {side}" for option, side, file in lab.stores]
    if lab.said:
        lines += ["", "## What both ends said", "", *(f"    {line}" for line in lab.said)]
    lines += ["", "## Origin", "", "Recorded in network namespaces between real stacks, with certificates made for the run:", ""]
    for host in lab.network.hosts:
        lines += [f"    {host.name}$ {' '.join(_anywhere(command).split())[:300]}" for command in host.commands]
    lines += ["", "Stacks: " + "; ".join(versions(lab.stacks)) + ".", ""]
    lines += [
        "## Make it again",
        "",
        f"    python -m lab record {found.name}",
        "",
        f"(scenario `{found.place}`; root, Debian packages of lab/packages.txt)",
    ]
    return "\n".join(lines).replace(str(lab.work) + "/", "") + "\n"


def _ends(connections: Sequence[Connection]) -> str:
    return ", ".join(f"{expect._end(c.client)} -> {expect._end(c.server)}" for c in connections)


def _anywhere(command: str) -> str:
    """The command without the places of the machine that recorded it."""
    return command.replace(sys.executable, "python").replace(f"{ROOT}/", "")
