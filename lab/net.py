"""Hosts of the lab: network namespaces with natural addresses, joined by switches, and processes that run in them.

Each run makes its own namespaces and takes them down again, with every process in them, whatever happened. Nothing of the
machine's own network is touched, all ports are free, and a host name means what the run says (``/etc/netns``).
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

_serial = itertools.count()


class LabError(Exception):
    """What a scenario needed did not come about; nothing is written then."""


@dataclass(slots=True)
class Done:
    """A command that has ended."""

    command: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Everything that it printed."""
        return self.out + self.err


@dataclass(slots=True)
class Host:
    """A namespace with addresses; commands run inside it."""

    name: str
    space: str
    folder: Path
    addresses: tuple[str, ...]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Its first address."""
        return self.addresses[0]

    def run(
        self,
        *command: str,
        text: str | bytes = "",
        timeout: float = 15,
        env: Mapping[str, str] | None = None,
        quiet: bool = False,
    ) -> Done:
        """Run a command to its end (at most `timeout` seconds) with `text` on its standard input."""
        process = self.spawn(*command, env=env, stdin=subprocess.PIPE, quiet=quiet)
        data = text.encode() if isinstance(text, str) else text
        try:
            out, err = process.communicate(data, timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            out, err = process.communicate()
        return Done(command, process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))

    def spawn(
        self, *command: str, env: Mapping[str, str] | None = None, stdin: int = subprocess.DEVNULL, quiet: bool = False
    ) -> subprocess.Popen[bytes]:
        """Start a command and leave it running; its output is read by who asked for it."""
        if not quiet:
            self.commands.append(" ".join(Path(word).name if "/lab-" in word and "=" not in word else word for word in command))
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.space, *command],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env={**os.environ, "LC_ALL": "C", "HOME": str(self.folder), **(env or {})},
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def serve(
        self,
        *command: str,
        port: int = 0,
        address: str = "",
        log: str = "",
        env: Mapping[str, str] | None = None,
        wait: float = 20,
        quiet: bool = False,
    ) -> Path:
        """Start a server, wait until its port listens, and give the file that its output goes to."""
        path = self.folder / (log or f"{self.name}-{Path(command[0]).name}-{next(_serial)}.log")
        if not quiet:
            self.commands.append(" ".join(Path(word).name if "/lab-" in word else word for word in command))
        with path.open("wb") as output:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.space, *command],
                stdin=subprocess.PIPE,  # kept open: openssl s_server ends when its standard input does
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={**os.environ, "LC_ALL": "C", "HOME": str(self.folder), **(env or {})},
                start_new_session=True,
            )
        self.processes.append(process)
        if port:
            self.wait_for(port, wait, path, process)
        return path

    def wait_for(self, port: int, wait: float, log: Path, process: subprocess.Popen[bytes] | None = None) -> None:
        """Wait until something listens on the port, by the socket table: the recording shows no extra connection."""
        end = time.monotonic() + wait
        while time.monotonic() < end:
            listing = subprocess.run(["ip", "netns", "exec", self.space, "ss", "-Hltn"], capture_output=True, text=True, check=True)
            if re.search(rf":{port}\s", listing.stdout):
                return
            if process is not None and process.poll() not in (None, 0):
                break
            time.sleep(0.05)
        raise LabError(f"{self.name}: nothing listens on port {port}: {log.read_text(errors='replace')[-1500:]}")

    def prefer(self, network: str, source: str) -> None:
        """Reach `network` with that source address, where the host has several."""
        _ip("-n", self.space, "route", "replace", network, "dev", "eth0", "src", source)

    def stop(self) -> None:
        """End every process of the host."""
        for process in reversed(self.processes):
            _end(process)
        self.processes.clear()
        listing = subprocess.run(["ip", "netns", "pids", self.space], capture_output=True, text=True, check=False)
        for pid in listing.stdout.split():  # daemons that left their session, all inside our own namespace
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue


@dataclass(slots=True)
class Network:
    """The hosts of one run and the switches between them."""

    folder: Path
    names: dict[str, str] = field(default_factory=dict)
    hosts: list[Host] = field(default_factory=list)
    spaces: list[str] = field(default_factory=list)
    prefix: str = field(default_factory=lambda: f"lab{os.getpid()}n{next(_serial)}")
    _switches: set[str] = field(default_factory=set)

    def host(self, name: str, *addresses: str) -> Host:
        """A host with those addresses, each on the switch of its /16; the first address of a network gets the interface."""
        space = f"{self.prefix}{name}"
        _ip("netns", "add", space)
        self.spaces.append(space)
        self._name_file(space)
        _ip("-n", space, "link", "set", "lo", "up")
        host = Host(name, space, self.folder, addresses)
        self.hosts.append(host)
        for number, network in enumerate(dict.fromkeys(_network(a) for a in addresses)):
            self._plug(space, f"eth{number}", network)
            for address in addresses:
                if _network(address) == network:
                    size = "/64" if ":" in address else "/16"
                    extra = ["nodad"] if ":" in address else []
                    _ip("-n", space, "addr", "add", address + size, "dev", f"eth{number}", *extra)
        return host

    def router(self, name: str, *addresses: str) -> Host:
        """A host that forwards between its networks and is the way out for the hosts named later with `via`."""
        host = self.host(name, *addresses)
        host.run("sysctl", "-qw", "net.ipv4.ip_forward=1", quiet=True)
        return host

    def via(self, host: Host, gateway: str) -> None:
        """Send what is not local through `gateway`."""
        _ip("-n", host.space, "route", "add", "default", "via", gateway)

    def close(self) -> None:
        """End all processes, remove all namespaces and name files."""
        for host in self.hosts:
            host.stop()
        for space in self.spaces:
            subprocess.run(["ip", "netns", "del", space], check=False, capture_output=True)
            shutil.rmtree(f"/etc/netns/{space}", ignore_errors=True)

    def _plug(self, space: str, device: str, network: str) -> None:
        switch = f"{self.prefix}sw"
        if switch not in self.spaces:
            _ip("netns", "add", switch)
            self.spaces.append(switch)
        bridge = "br" + str(abs(hash(network)) % 100000)
        if bridge not in self._switches:
            _ip("-n", switch, "link", "add", bridge, "type", "bridge")
            _ip("-n", switch, "link", "set", bridge, "up")
            self._switches.add(bridge)
        far = f"p{next(_serial)}"
        _ip("link", "add", device, "netns", space, "type", "veth", "peer", "name", far, "netns", switch)
        _ip("-n", switch, "link", "set", far, "master", bridge, "up")
        # Segments as they are on a wire: no merging of several into one of 64 kB, and checksums that are really there.
        for where, what in ((space, device), (switch, far)):
            command = ["ip", "netns", "exec", where, "ethtool", "-K", what, "tso", "off", "gso", "off", "gro", "off", "tx", "off"]
            subprocess.run(command, check=False, capture_output=True)
        _ip("-n", space, "link", "set", device, "up")

    def _name_file(self, space: str) -> None:
        folder = Path("/etc/netns") / space
        folder.mkdir(parents=True, exist_ok=True)
        lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in self.names.items())]
        (folder / "hosts").write_text("\n".join(lines) + "\n")
        (folder / "resolv.conf").write_text("")


def _network(address: str) -> str:
    return address.rsplit(":", 1)[0] if ":" in address else ".".join(address.split(".")[:2])


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"ip {' '.join(words)}: {done.stderr.strip()}")


def _end(process: subprocess.Popen[bytes]) -> None:
    for number, wait in ((signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0)):
        if process.poll() is not None:
            return
        try:
            os.killpg(process.pid, number)
            process.wait(wait)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def together(*calls: tuple[float, Callable[[], Done]]) -> list[Done]:
    """Run several clients at once, each some seconds after the start."""

    def later(call: tuple[float, Callable[[], Done]]) -> Done:
        time.sleep(call[0])
        return call[1]()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(later, calls))
