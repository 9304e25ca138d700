"""Real servers on loopback, each on a free port, from a few lines of configuration (as lab/dialects.py starts them in namespaces).

All but four take an ordinary user. Postfix, Dovecot and vsftpd have to be started by root, for they change to users of their own; PostgreSQL and
Prosody refuse to run as root, and are started as theirs.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

Pair = tuple[str, str] | None  # certificate with chain, and key; None: without TLS
NAME = "mail.maple.test"


class Running(NamedTuple):
    """A program that is to be started."""

    command: Sequence[str]
    ports: tuple[int, ...]
    wait: float = 20


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def running(program: Running, folder: Path) -> Iterator[int]:
    """Runs it until its ports are open, gives the first one, and ends it with all that it started."""
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            program.command, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, cwd=folder, start_new_session=True,
            env={**os.environ, "LC_ALL": "C", "HOME": str(folder)},
        )  # fmt: skip
    try:
        end = time.monotonic() + program.wait
        for port in program.ports:
            while not _open(port):
                assert process.poll() in (None, 0), log.read_text(errors="replace")[-2000:]
                assert time.monotonic() < end, f"port {port} was not opened: {log.read_text(errors='replace')[-2000:]}"
                time.sleep(0.05)
        yield program.ports[0]
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
            except ProcessLookupError:
                break
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                continue
        process.wait()
        if process.stdin:
            process.stdin.close()


def _open(port: int) -> bool:
    """Whether something listens; asked of the system's table, so that the server's first connection is the test's."""
    table = Path("/proc/net/tcp").read_text().splitlines()[1:] + Path("/proc/net/tcp6").read_text().splitlines()[1:]
    return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in table)


def _folder(folder: Path, name: str, owner: str = "") -> Path:
    path = folder / name
    path.mkdir()
    if owner:
        shutil.chown(path, owner)
    return path


def postfix(folder: Path, pair: Pair) -> Running:
    conf, queue, data, port = _folder(folder, "conf"), _folder(folder, "queue"), _folder(folder, "data", "postfix"), free_port()
    tls = ["smtpd_tls_security_level = may", f"smtpd_tls_cert_file = {pair[0]}", f"smtpd_tls_key_file = {pair[1]}"] if pair else []
    lines = [
        "compatibility_level = 3.6", f"queue_directory = {queue}", f"data_directory = {data}", "command_directory = /usr/sbin",
        "daemon_directory = /usr/lib/postfix/sbin", "mail_owner = postfix", "setgid_group = postdrop", "inet_protocols = ipv4",
        f"myhostname = {NAME}", "mydestination = maple.test", "alias_maps =", f"maillog_file_prefixes = {folder}", f"maillog_file = {folder}/maillog",
        *tls,
    ]  # fmt: skip
    (conf / "main.cf").write_text("\n".join(lines) + "\n")
    services = [f"127.0.0.1:{port} inet n - n - - smtpd", "anvil unix - - n - 1 anvil", "tlsmgr unix - - n 1000? 1 tlsmgr",
                "rewrite unix - - n - - trivial-rewrite", "proxymap unix - - n - - proxymap", "postlog unix-dgram n - n - 1 postlogd"]  # fmt: skip
    (conf / "master.cf").write_text("\n".join(services) + "\n")
    return Running(["postfix", "-c", str(conf), "start-fg"], (port,))


def dovecot(folder: Path, pair: Pair, protocol: str) -> Running:
    base, ports = _folder(folder, "run"), {"imap": free_port(), "pop3": free_port()}
    tls = ["ssl = yes", f"ssl_cert = <{pair[0]}", f"ssl_key = <{pair[1]}"] if pair else ["ssl = no"]
    services = [
        f"service {name}-login {{\n  chroot =\n  inet_listener {name} {{\n    port = {port}\n  }}\n  inet_listener {name}s {{\n    port = 0\n  }}\n}}"
        for name, port in ports.items()
    ]
    lines = [
        "protocols = imap pop3", f"base_dir = {base}", f"state_dir = {base}", f"log_path = {folder}/dovecot.log", "listen = 127.0.0.1",
        "mail_location = maildir:~/mail", *services, "service anvil {\n  chroot =\n}", "passdb {\n  driver = static\n  args = nopassword=y\n}",
        "userdb {\n  driver = static\n  args = uid=nobody gid=nogroup home=/tmp\n}", *tls,
    ]  # fmt: skip
    (folder / "dovecot.conf").write_text("\n".join(lines) + "\n")
    first, second = ports[protocol], *(port for name, port in ports.items() if name != protocol)
    return Running(["dovecot", "-F", "-c", str(folder / "dovecot.conf")], (first, second))


def vsftpd(folder: Path, pair: Pair) -> Running:
    port, empty = free_port(), _folder(folder, "empty")
    tls = ["ssl_enable=YES", f"rsa_cert_file={pair[0]}", f"rsa_private_key_file={pair[1]}", "allow_anon_ssl=YES"] if pair else []
    lines = ["listen=YES", "listen_address=127.0.0.1", f"listen_port={port}", "anonymous_enable=YES", "background=NO", "seccomp_sandbox=NO",
             f"secure_chroot_dir={empty}", f"anon_root={empty}", *tls]  # fmt: skip
    (folder / "vsftpd.conf").write_text("\n".join(lines) + "\n")
    return Running(["vsftpd", str(folder / "vsftpd.conf")], (port,))


def slapd(folder: Path, pair: Pair) -> Running:
    port, data = free_port(), _folder(folder, "data")
    tls = [f"TLSCertificateFile {pair[0]}", f"TLSCertificateKeyFile {pair[1]}", f"TLSCACertificateFile {pair[0]}"] if pair else []
    lines = ["include /etc/ldap/schema/core.schema", "modulepath /usr/lib/ldap", "moduleload back_mdb", *tls, "database mdb",
             'suffix "dc=maple,dc=test"', f"directory {data}"]  # fmt: skip
    (folder / "slapd.conf").write_text("\n".join(lines) + "\n")
    return Running(["slapd", "-d", "stats", "-f", str(folder / "slapd.conf"), "-h", f"ldap://127.0.0.1:{port}/"], (port,))


def postgresql(folder: Path, pair: Pair) -> Running:
    port, data, home = free_port(), _folder(folder, "data", "postgres"), Path("/usr/lib/postgresql/15/bin")
    data.chmod(0o700)
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*as_user, str(home / "initdb"), "-A", "trust", "-D", str(data), "--no-sync"], check=True, capture_output=True, cwd=folder)
    lines = [f"port = {port}", "listen_addresses = '127.0.0.1'", "fsync = off", f"unix_socket_directories = '{data}'"]
    if pair:
        for name, source in (("server.crt", pair[0]), ("server.key", pair[1])):
            shutil.copyfile(source, data / name)
            if as_user:
                shutil.chown(data / name, "postgres")
            (data / name).chmod(0o600)
        lines.append("ssl = on")
    with (data / "postgresql.conf").open("a") as file:
        file.write("\n".join(lines) + "\n")
    return Running([*as_user, str(home / "postgres"), "-D", str(data)], (port,))


def mariadb(folder: Path, pair: Pair) -> Running:
    port, data = free_port(), _folder(folder, "data")
    user = ["--user=root"] if os.geteuid() == 0 else []
    install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", *user, "--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run(install, check=True, capture_output=True, cwd=folder)
    tls = [f"--ssl-cert={pair[0]}", f"--ssl-key={pair[1]}"] if pair else ["--skip-ssl"]
    words = ["mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={data}/socket", *user, "--skip-grant-tables", f"--port={port}"]
    return Running([*words, "--skip-networking=0", "--bind-address=127.0.0.1", *tls], (port,), 60)


def prosody(folder: Path, pair: Pair, between_servers: bool = False) -> Running:
    as_user = ["runuser", "-u", "prosody", "--"] if os.geteuid() == 0 else []
    clients, servers, data = free_port(), free_port(), _folder(folder, "data", "prosody" if as_user else "")
    tls = ""
    if pair:
        for source in pair if as_user else ():
            shutil.chown(source, "prosody")
        tls = f'ssl = {{ certificate = "{pair[0]}"; key = "{pair[1]}" }}\n'
    (folder / "prosody.cfg.lua").write_text(
        f'modules_enabled = {{ "saslauth"; "roster"; "disco"{"; " + chr(34) + "tls" + chr(34) if pair else ""} }}\n'
        f'modules_disabled = {{ "http"; "posix" }}\ndata_path = "{data}"\ninterfaces = {{ "127.0.0.1" }}\nc2s_ports = {{ {clients} }}\n'
        f"s2s_ports = {{ {servers} }}\nc2s_require_encryption = {'true' if pair else 'false'}\ns2s_require_encryption = false\n{tls}"
        f'log = {{ debug = "*console" }}\npidfile = "{data}/pid"\nVirtualHost "{NAME}"\n'
    )
    ports = (servers, clients) if between_servers else (clients, servers)
    return Running([*as_user, "prosody", "--config", str(folder / "prosody.cfg.lua"), "-F"], ports)


SERVERS: dict[str, Callable[[Path, Pair], Running]] = {
    "smtp": postfix,
    "imap": lambda folder, pair: dovecot(folder, pair, "imap"),
    "pop3": lambda folder, pair: dovecot(folder, pair, "pop3"),
    "ftp": vsftpd,
    "ldap": slapd,
    "postgresql": postgresql,
    "mysql": mariadb,
    "xmpp": prosody,
    "xmpp-server": lambda folder, pair: prosody(folder, pair, between_servers=True),
}


# ------------------------------------------------------------------ proxies


def haproxy(folder: Path, pair: tuple[str, str], *rules: str, accept: str = "") -> Running:
    """TLS that ends at HAProxy; ``accept`` "accept-proxy" wants the PROXY protocol in front of it."""
    port, pem = free_port(), folder / "site.pem"
    pem.write_bytes(Path(pair[0]).read_bytes() + Path(pair[1]).read_bytes())
    frontend = [
        f"bind 127.0.0.1:{port} {accept} ssl crt {pem}",
        "mode http",
        *rules,
        "http-request return status 200 content-type text/plain lf-string %[src]",
    ]
    lines = ["global", "  quiet", "defaults", "  timeout connect 5s", "  timeout client 20s", "  timeout server 20s", "frontend site",
             *(f"  {line}" for line in frontend)]  # fmt: skip
    (folder / "haproxy.cfg").write_text("\n".join(lines) + "\n")
    return Running(["haproxy", "-db", "-f", str(folder / "haproxy.cfg")], (port,))


def tinyproxy(folder: Path, *lines: str) -> Running:
    port = free_port()
    (folder / "tinyproxy.conf").write_text("\n".join([f"Port {port}", "Listen 127.0.0.1", "Timeout 20", "MaxClients 20", *lines]) + "\n")
    return Running(["tinyproxy", "-d", "-c", str(folder / "tinyproxy.conf")], (port,))


def microsocks(folder: Path, *options: str) -> Running:
    port = free_port()
    return Running(["microsocks", "-i", "127.0.0.1", "-p", str(port), *options], (port,))


def dante(folder: Path, *rules: str) -> Running:
    port = free_port()
    own = "root" if os.geteuid() == 0 else "nobody"
    lines = ["logoutput: stdout", f"internal: 127.0.0.1 port = {port}", "external: 127.0.0.1", "socksmethod: none", "clientmethod: none",
             f"user.privileged: {own}", "user.unprivileged: nobody", "client pass {\n  from: 0.0.0.0/0 to: 0.0.0.0/0\n}",
             *(rules or ("socks pass {\n  from: 0.0.0.0/0 to: 0.0.0.0/0\n}",))]  # fmt: skip
    (folder / "danted.conf").write_text("\n".join(lines) + "\n")
    return Running(["danted", "-f", str(folder / "danted.conf")], (port,))
