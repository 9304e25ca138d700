"""Servers that speak something else before TLS: mail, directory, database, chat, proxies; each started from a few lines."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from lab.net import Host

Pair = Sequence[str] | None  # certificate and key; None: the server has no TLS


def _folder(host: Host, name: str, owner: str = "") -> Path:
    path = host.folder / name
    path.mkdir(exist_ok=True)
    if owner:
        shutil.chown(path, owner)
    return path


def postfix(host: Host, pair: Pair, *lines: str) -> Path:
    """Postfix as SMTP server on port 25; gives its log."""
    conf = _folder(host, "postfix-conf")
    queue, data = _folder(host, "postfix-queue"), _folder(host, "postfix-data", "postfix")
    log = host.folder / "postfix.log"
    tls = ["smtpd_tls_security_level = may", f"smtpd_tls_cert_file = {pair[0]}", f"smtpd_tls_key_file = {pair[1]}"] if pair else []
    options = [
        "compatibility_level = 3.6", f"queue_directory = {queue}", f"data_directory = {data}", "command_directory = /usr/sbin",
        "daemon_directory = /usr/lib/postfix/sbin", "mail_owner = postfix", "setgid_group = postdrop", "inet_interfaces = all",
        "inet_protocols = ipv4", "myhostname = mail.maple.test", "mydestination = maple.test", "alias_maps =", "local_recipient_maps =",
        f"maillog_file_prefixes = {host.folder}", f"maillog_file = {log}", "smtpd_tls_loglevel = 1", *tls, *lines,
    ]  # fmt: skip
    (conf / "main.cf").write_text("\n".join(options) + "\n")
    services = [
        "smtp inet n - n - - smtpd", "cleanup unix n - n - 0 cleanup", "rewrite unix - - n - - trivial-rewrite",
        "anvil unix - - n - 1 anvil", "tlsmgr unix - - n 1000? 1 tlsmgr", "proxymap unix - - n - - proxymap",
        "postlog unix-dgram n - n - 1 postlogd", "qmgr unix n - n 300 1 qmgr", "pickup unix n - n 60 1 pickup",
    ]  # fmt: skip
    (conf / "master.cf").write_text("\n".join(services) + "\n")
    host.serve("postfix", "-c", str(conf), "start-fg", port=25)
    host.commands += [f"  # {line}".replace(str(host.folder) + "/", "") for line in (*tls, *lines)]
    return log


def dovecot(host: Host, pair: Pair, *lines: str) -> Path:
    """Dovecot as IMAP and POP3 server on ports 143 and 110; gives its log."""
    base = _folder(host, "dovecot-run")
    log = host.folder / "dovecot.log"
    tls = ["ssl = yes", f"ssl_cert = <{pair[0]}", f"ssl_key = <{pair[1]}"] if pair else ["ssl = no"]
    options = [
        "protocols = imap pop3", f"base_dir = {base}", f"state_dir = {base}", f"log_path = {log}", "listen = *", "verbose_ssl = yes",
        "mail_location = maildir:~/mail", "default_internal_user = dovecot", "default_login_user = dovenull",
        "service imap-login {\n  chroot =\n  inet_listener imap {\n    port = 143\n  }\n  inet_listener imaps {\n    port = 0\n  }\n}",
        "service pop3-login {\n  chroot =\n  inet_listener pop3 {\n    port = 110\n  }\n  inet_listener pop3s {\n    port = 0\n  }\n}",
        "service anvil {\n  chroot =\n}", "passdb {\n  driver = static\n  args = nopassword=y\n}",
        "userdb {\n  driver = static\n  args = uid=nobody gid=nogroup home=/tmp\n}", *tls, *lines,
    ]  # fmt: skip
    path = host.folder / "dovecot.conf"
    path.write_text("\n".join(options) + "\n")
    host.serve("dovecot", "-F", "-c", str(path), port=110)
    host.commands += [f"  # {line}".replace(str(host.folder) + "/", "") for line in (*tls, *lines)]
    return log


def vsftpd(host: Host, pair: Pair) -> Path:
    """vsftpd as FTP server on port 21; gives its log."""
    log = host.folder / "vsftpd.log"
    tls = ["ssl_enable=YES", f"rsa_cert_file={pair[0]}", f"rsa_private_key_file={pair[1]}", "allow_anon_ssl=YES"] if pair else []
    empty = _folder(host, "vsftpd-empty")
    options = [
        "listen=YES", "anonymous_enable=YES", "background=NO", "seccomp_sandbox=NO", f"secure_chroot_dir={empty}", f"anon_root={empty}",
        "xferlog_enable=YES", f"vsftpd_log_file={log}", "log_ftp_protocol=YES", "debug_ssl=YES", *tls,
    ]  # fmt: skip
    path = host.folder / "vsftpd.conf"
    path.write_text("\n".join(options) + "\n")
    host.serve("vsftpd", str(path), port=21)
    host.commands += [f"  # {line}".replace(str(host.folder) + "/", "") for line in tls]
    return log


def slapd(host: Host, pair: Pair, ca: str = "") -> Path:
    """OpenLDAP's slapd on port 389; gives its log."""
    data = _folder(host, "ldap-data")
    tls = [f"TLSCertificateFile {pair[0]}", f"TLSCertificateKeyFile {pair[1]}", f"TLSCACertificateFile {ca}"] if pair else []
    options = [
        "include /etc/ldap/schema/core.schema", "modulepath /usr/lib/ldap", "moduleload back_mdb", *tls, "database mdb",
        'suffix "dc=maple,dc=test"', f"directory {data}",
    ]  # fmt: skip
    path = host.folder / "slapd.conf"
    path.write_text("\n".join(options) + "\n")
    log = host.serve("slapd", "-d", "stats", "-f", str(path), "-h", "ldap://0.0.0.0:389/", port=389)
    host.commands += [f"  # {line}".replace(str(host.folder) + "/", "") for line in tls]
    return log


def postgresql(host: Host, pair: Pair) -> Path:
    """PostgreSQL on port 5432, run as its own user; gives its log."""
    data = _folder(host, "pg-data", "postgres")
    data.chmod(0o700)
    home = Path("/usr/lib/postgresql/15/bin")
    as_user = ["runuser", "-u", "postgres", "--"]
    done = host.run(*as_user, str(home / "initdb"), "-A", "trust", "-D", str(data), "--no-sync", timeout=60, quiet=True)
    if done.code:
        raise RuntimeError(done.said)
    lines = ["listen_addresses = '*'", "log_connections = on", "fsync = off", f"unix_socket_directories = '{data}'"]
    if pair:
        for name, source in (("server.crt", pair[0]), ("server.key", pair[1])):
            target = data / name
            shutil.copyfile(source, target)
            shutil.chown(target, "postgres")
            target.chmod(0o600)
        lines.append("ssl = on")
    with (data / "postgresql.conf").open("a") as file:
        file.write("\n".join(lines) + "\n")
    with (data / "pg_hba.conf").open("a") as file:
        file.write("host all all 0.0.0.0/0 trust\n")
    log = host.serve(*as_user, str(home / "postgres"), "-D", str(data), port=5432)
    host.commands.append(f"  # ssl = {'on' if pair else 'off'}")
    return log


def mariadb(host: Host, pair: Pair) -> Path:
    """MariaDB on port 3306; gives its log."""
    data = _folder(host, "mariadb-data")
    host.run(
        "mariadb-install-db", "--no-defaults", f"--datadir={data}", "--user=root", "--auth-root-authentication-method=normal",
        "--skip-test-db", timeout=90, quiet=True,
    )  # fmt: skip
    tls = [f"--ssl-cert={pair[0]}", f"--ssl-key={pair[1]}"] if pair else ["--skip-ssl"]
    words = ["mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={data}/socket", "--user=root", "--skip-grant-tables"]
    return host.serve(*words, "--port=3306", "--skip-networking=0", "--bind-address=0.0.0.0", *tls, port=3306, wait=40)


def prosody(host: Host, pair: Pair, name: str) -> Path:
    """Prosody as XMPP server on port 5222; gives its log."""
    data, log = _folder(host, "prosody-data", "prosody"), host.folder / "prosody.log"
    log.touch()
    log.chmod(0o666)
    modules = '"saslauth"; "roster"; "disco"' + ('; "tls"' if pair else "")
    tls = ""
    if pair:
        for source in pair:
            shutil.chown(source, "prosody")
        tls = f'ssl = {{ certificate = "{pair[0]}"; key = "{pair[1]}" }}\n'
    path = host.folder / "prosody.cfg.lua"
    path.write_text(
        f'modules_enabled = {{ {modules} }}\nmodules_disabled = {{ "s2s"; "http"; "posix" }}\ndata_path = "{data}"\n'
        f'log = {{ debug = "{log}" }}\nc2s_require_encryption = {"true" if pair else "false"}\n{tls}'
        f'pidfile = "{data}/pid"\nVirtualHost "{name}"\n'
    )
    host.serve("runuser", "-u", "prosody", "--", "prosody", "--config", str(path), "-F", port=5222)
    host.commands.append(f"  # {tls.strip().replace(str(host.folder) + '/', '') or 'module tls not loaded'}")
    return log


def tinyproxy(host: Host, *lines: str) -> Path:
    """Tinyproxy as HTTP proxy on port 3128; gives its log."""
    path = host.folder / "tinyproxy.conf"
    path.write_text("\n".join(["Port 3128", "Timeout 20", "LogLevel Connect", "MaxClients 20", *lines]) + "\n")
    log = host.serve("tinyproxy", "-d", "-c", str(path), port=3128)
    host.commands += [f"  # {line}" for line in lines]
    return log


def microsocks(host: Host) -> Path:
    """microsocks as SOCKS 5 proxy on port 1080; gives its log."""
    return host.serve("microsocks", "-p", "1080", port=1080)


def dante(host: Host, *rules: str) -> Path:
    """Dante as SOCKS 4 and 5 proxy on port 1080; gives its log."""
    address = host.address
    lines = [
        "logoutput: stdout", f"internal: {address} port = 1080", f"external: {address}", "socksmethod: none", "clientmethod: none",
        "user.privileged: root", "user.unprivileged: nobody", "client pass {\n  from: 0.0.0.0/0 to: 0.0.0.0/0\n  log: error connect\n}",
        *(rules or ("socks pass {\n  from: 0.0.0.0/0 to: 0.0.0.0/0\n  log: error connect\n}",)),
    ]  # fmt: skip
    path = host.folder / "danted.conf"
    path.write_text("\n".join(lines) + "\n")
    log = host.serve("danted", "-f", str(path), port=1080)
    host.commands += [f"  # {' '.join(rule.split())}" for rule in rules]
    return log
