"""The versions of the stacks that a scenario used, for its README."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
from collections.abc import Sequence

COMMANDS: dict[str, tuple[str, ...]] = {
    "OpenSSL": ("openssl", "version"),
    "curl": ("curl", "--version"),
    "nginx": ("nginx", "-v"),
    "HAProxy": ("haproxy", "-v"),
    "GnuTLS": ("gnutls-cli", "--version"),
    "Go": ("go", "version"),
    "Java": ("java", "-version"),
    "Node": ("node", "--version"),
    "tcpdump": ("tcpdump", "--version"),
}
# Where the program itself does not say it: the Debian package it came with.
PACKAGES: dict[str, str] = {
    "NSS": "libnss3-tools",
    "Postfix": "postfix",
    "Dovecot": "dovecot-core",
    "vsftpd": "vsftpd",
    "lftp": "lftp",
    "OpenLDAP": "slapd",
    "PostgreSQL": "postgresql-15",
    "psql": "postgresql-client-15",
    "MariaDB": "mariadb-server-core",
    "MariaDB client": "mariadb-client-core",
    "Prosody": "prosody",
    "Tinyproxy": "tinyproxy",
    "microsocks": "microsocks",
    "Dante": "dante-server",
    "stunnel": "stunnel4",
    "nftables": "nftables",
}


@functools.cache
def version(stack: str) -> str:
    """The version of one stack, or an error where it is not installed."""
    if stack == "Python":
        import ssl

        return f"Python {sys.version.split()[0]} ({ssl.OPENSSL_VERSION})"
    if stack in PACKAGES:
        command = ["dpkg-query", "-W", "-f", "${Version}", PACKAGES[stack]]
        return f"{stack} {subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()} (Debian)"
    done = subprocess.run(COMMANDS[stack], capture_output=True, text=True, check=True)
    number = re.search(r"\d+(\.\d+)+[\w.+-]*", done.stdout + done.stderr)
    if number is None:
        raise ValueError(f"{stack} does not tell its version")
    return f"{stack} {number.group()}"


def versions(stacks: Sequence[str]) -> list[str]:
    """The versions of several stacks; tcpdump recorded them all."""
    return [version(stack) for stack in (*stacks, "tcpdump")]
