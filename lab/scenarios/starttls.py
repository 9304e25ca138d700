"""TLS behind another protocol's first words: for each dialect a good one, one that fails after the step to TLS, TLS without it,
and one that the server refuses.
"""

from __future__ import annotations

from lab import clients, dialects, pki
from lab.net import Done
from lab.record import Connection
from lab.scenario import Lab, scenario

NAME = "mail.maple.test"
CLIENT, SERVER = "10.20.3.41", "10.20.9.12"


class Desk:
    """A client, a server that speaks one of the dialects, and a PKI."""

    def __init__(self, lab: Lab, *stacks: str, name: str = NAME) -> None:
        lab.stacks = stacks
        lab.names(**{name.replace(".", "_"): SERVER})
        self.lab, self.name = lab, name
        self.client, self.server = lab.host("client", CLIENT), lab.host("server", SERVER)
        self.root = pki.root("Harbour Root CA R1")
        self.issuing = pki.intermediate(self.root, "Harbour Issuing CA 3")
        self.ca = pki.write_bundle(lab.work, "anchors", self.root.certificate)

    def own(self, *names: str, days: tuple[int, int] = (-40, 50), whole: bool = True) -> tuple[str, str]:
        """The server's certificate and key."""
        issued = pki.leaf(self.issuing, *(names or (self.name,)), days=days)
        return pki.write(self.lab.work, "site", issued, chain=None if whole else [])

    def openssl(self, dialect: str, port: int, *options: str) -> Done:
        """`openssl s_client -starttls`, verifying; with dialect "" it speaks TLS at once."""
        step = ["-starttls", dialect] if dialect else []
        check = ["-CAfile", self.ca, "-verify_return_error", "-verify_hostname", self.name, "-servername", self.name]
        with self.lab.record(self.server):
            return clients.s_client(self.client, f"{self.name}:{port}", *step, *check, *options)

    @property
    def seen(self) -> Connection:
        """The one connection of the recording."""
        return self.lab.seen(server=SERVER)

    def good(self, true: bool, done: Done) -> None:
        """It went well."""
        self.lab.must(true, f"it went well: {done.said[-1500:]}")
        self.lab.must(not [a for a in self.seen.alerts() if a[1] == 2], "no fatal alert")
        self.lab.completed(self.seen)

    def certificate_refused(self, cause: str, alert: int, *also: str) -> None:
        """The client refused the server's certificate with that alert."""
        seen = self.seen
        frames = [seen.message(11, "server"), seen.alert("client", alert)]
        self.lab.failed(seen, cause, side="client", owners=["server"], at_least="likely", frames=frames, also=list(also))

    def not_asked(self, answer: str = "") -> None:
        """The client left the step to TLS out."""
        seen, words = self.seen, self.seen.data("server")
        self.lab.must(bool(words) == bool(answer), "the server answered in plain text" if answer else "the server said nothing")
        also = ["tls-to-plaintext-port"] if answer else ["starttls-missing", "closed-without-answer", "connection-reset"]
        cause = "starttls-missing" if answer else "tls-to-plaintext-port"
        self.lab.failed(
            seen, cause, side="client" if answer else "server", or_side="server" if answer else "client", also=also,
            owners=["client"] if answer else ["client", "server"], at_least="likely" if answer else "possible",
            at_most="proven" if answer else "likely", frames=[words[0].frame] if answer else [seen.data("client")[0].frame],
            truth="starttls-missing",
        )  # fmt: skip

    def never_asked(self) -> None:
        """The server did not offer TLS, and the client gave up without a byte of it."""
        self.lab.failed(
            self.seen, "starttls-refused", side="server", owners=["server"], at_least="possible", frames=[], or_outcome="none",
            note="No byte of TLS was sent: that the client wanted it is not on the wire.",
        )  # fmt: skip

    def refused(self, frame: int) -> None:
        """The server refused the step to TLS, or does not know it."""
        self.lab.failed(self.seen, "starttls-refused", side="server", owners=["server"], at_least="likely", frames=[frame])


def _said_plainly(desk: Desk, words: bytes) -> int:
    """The frame in which the server says `words` in plain text."""
    data = desk.lab.pcap.read_bytes()
    at, number = 24, 0
    while at + 16 <= len(data):
        size = int.from_bytes(data[at + 8 : at + 12], "little")
        number += 1
        if words in data[at + 16 : at + 16 + size]:
            desk.lab.must(number in {p.frame for p in desk.seen.data("server")}, f"the server says {words!r}")
            return number
        at += 16 + size
    desk.lab.must(False, f"{words!r} stands in the recording")
    return 0


# SMTP


@scenario("completed", "smtp-starttls")
def smtp_good(lab: Lab) -> None:
    """SMTP with STARTTLS, Postfix and curl; all in order."""
    desk = Desk(lab, "Postfix", "curl", "OpenSSL")
    dialects.postfix(desk.server, desk.own())
    with lab.record(desk.server):
        done = clients.curl(desk.client, f"smtp://{NAME}/till", "--ssl-reqd", "--cacert", desk.ca, "-X", "NOOP")
    desk.good("SSL certificate verify ok" in done.said and "250 2.0.0 Ok" in done.said, done)


@scenario("certificate-expired", "smtp-starttls")
def smtp_fails(lab: Lab) -> None:
    """SMTP with STARTTLS to Postfix, whose certificate expired three days before; openssl refuses it after the step to TLS."""
    desk = Desk(lab, "Postfix", "OpenSSL")
    log = dialects.postfix(desk.server, desk.own(days=(-400, -3)))
    done = desk.openssl("smtp", 25, "-tls1_2")
    lab.quote("openssl", done, "certificate has expired")
    lab.quote("Postfix", log, "certificate expired")
    desk.certificate_refused("certificate-expired", 45)


@scenario("starttls-missing", "smtp")
def smtp_at_once(lab: Lab) -> None:
    """openssl speaks TLS at once on Postfix's port 25, which greets in plain text and waits for STARTTLS."""
    desk = Desk(lab, "Postfix", "OpenSSL")
    log = dialects.postfix(desk.server, desk.own())
    lab.quote("openssl", desk.openssl("", 25), "wrong version number")
    lab.quote("Postfix", log, "lost connection after CONNECT")
    desk.not_asked("220")


@scenario("starttls-refused", "smtp-454")
def smtp_refuses(lab: Lab) -> None:
    """Postfix offers STARTTLS, but its key cannot be read: 454 4.7.0 TLS not available due to local problem; openssl goes on all the same."""
    desk = Desk(lab, "Postfix", "OpenSSL")
    certificate, _ = desk.own()
    log = dialects.postfix(desk.server, (certificate, str(lab.work / "gone.key")))
    desk.openssl("smtp", 25)
    lab.quote("Postfix", log, "TLS not available" if "TLS not available" in log.read_text() else "disabling TLS support")
    desk.refused(_said_plainly(desk, b"454 4.7.0"))


@scenario("starttls-refused", "smtp-not-offered")
def smtp_has_none(lab: Lab) -> None:
    """Postfix without TLS does not offer STARTTLS; curl insists on it (--ssl-reqd) and gives up without a ClientHello."""
    desk = Desk(lab, "Postfix", "curl")
    dialects.postfix(desk.server, None)
    with lab.record(desk.server):
        done = clients.curl(desk.client, f"smtp://{NAME}/till", "--ssl-reqd", "--cacert", desk.ca, "-X", "NOOP")
    lab.quote("curl", done, "STARTTLS not supported")
    desk.never_asked()


# IMAP and POP3


@scenario("completed", "imap-starttls")
def imap_good(lab: Lab) -> None:
    """IMAP with STARTTLS, Dovecot and curl; all in order."""
    desk = Desk(lab, "Dovecot", "curl", "OpenSSL")
    dialects.dovecot(desk.server, desk.own())
    with lab.record(desk.server):
        done = clients.curl(desk.client, f"imap://{NAME}/", "--ssl-reqd", "--cacert", desk.ca, "-X", "CAPABILITY")
    desk.good("SSL certificate verify ok" in done.said and "AUTH=PLAIN" in done.said, done)


@scenario("certificate-name-mismatch", "imap-starttls")
def imap_fails(lab: Lab) -> None:
    """IMAP with STARTTLS to Dovecot, whose certificate is for another host; openssl refuses it after the step to TLS."""
    desk = Desk(lab, "Dovecot", "OpenSSL")
    log = dialects.dovecot(desk.server, desk.own("post.maple.test", "webmail.maple.test"))
    done = desk.openssl("imap", 143, "-tls1_2")
    lab.quote("openssl", done, "ostname mismatch")
    lab.quote("Dovecot", log, "bad certificate")
    desk.certificate_refused("certificate-name-mismatch", 42)


@scenario("starttls-missing", "imap")
def imap_at_once(lab: Lab) -> None:
    """openssl speaks TLS at once on Dovecot's port 143, which greets in plain text and waits for STARTTLS."""
    desk = Desk(lab, "Dovecot", "OpenSSL")
    dialects.dovecot(desk.server, desk.own())
    lab.quote("openssl", desk.openssl("", 143), "wrong version number")
    desk.not_asked("* OK")


@scenario("starttls-refused", "imap")
def imap_refuses(lab: Lab) -> None:
    """Dovecot without TLS does not offer STARTTLS; openssl asks all the same and is told BAD."""
    desk = Desk(lab, "Dovecot", "OpenSSL")
    dialects.dovecot(desk.server, None)
    lab.quote("openssl", desk.openssl("imap", 143), "Didn't find STARTTLS in server response")
    desk.refused(_said_plainly(desk, b". BAD"))


@scenario("completed", "pop3-starttls")
def pop3_good(lab: Lab) -> None:
    """POP3 with STLS, Dovecot and curl; all in order."""
    desk = Desk(lab, "Dovecot", "curl", "OpenSSL")
    dialects.dovecot(desk.server, desk.own())
    with lab.record(desk.server):
        done = clients.curl(desk.client, f"pop3://{NAME}/", "--ssl-reqd", "--cacert", desk.ca, "-X", "CAPA")
    desk.good("SSL certificate verify ok" in done.said and "UIDL" in done.said, done)


@scenario("closed-without-answer", "pop3-starttls-old-version")
def pop3_fails(lab: Lab) -> None:
    """POP3 with STLS to Dovecot, which takes TLS 1.2 and later; openssl offers TLS 1.0 after the step to TLS.

    Dovecot closes without sending the alert that its library made.
    """
    desk = Desk(lab, "Dovecot", "OpenSSL")
    log = dialects.dovecot(desk.server, desk.own(), "ssl_min_protocol = TLSv1.2")
    done = desk.openssl("pop3", 110, "-tls1", "-cipher", "DEFAULT:@SECLEVEL=0")
    lab.quote("openssl", done, "unexpected eof")
    lab.quote("Dovecot", log, "unsupported protocol")
    seen = desk.seen
    lab.failed(
        seen, "closed-without-answer", side="server", owners=["client", "server"], at_least="possible",
        also=["protocol-mismatch", "connection-reset"], truth="protocol-mismatch", frames=[seen.message(1)],
    )  # fmt: skip


@scenario("starttls-missing", "pop3")
def pop3_at_once(lab: Lab) -> None:
    """openssl speaks TLS at once on Dovecot's port 110, which greets in plain text and waits for STLS."""
    desk = Desk(lab, "Dovecot", "OpenSSL")
    dialects.dovecot(desk.server, desk.own())
    lab.quote("openssl", desk.openssl("", 110), "wrong version number")
    desk.not_asked("+OK")


@scenario("starttls-refused", "pop3")
def pop3_refuses(lab: Lab) -> None:
    """Dovecot without TLS answers STLS with -ERR; openssl goes on all the same."""
    desk = Desk(lab, "Dovecot", "OpenSSL")
    dialects.dovecot(desk.server, None)
    desk.openssl("pop3", 110)
    desk.refused(_said_plainly(desk, b"-ERR"))


# FTP


@scenario("completed", "ftp-auth-tls")
def ftp_good(lab: Lab) -> None:
    """FTP with AUTH TLS, vsftpd and openssl; all in order."""
    desk = Desk(lab, "vsftpd", "OpenSSL", name="files.maple.test")
    dialects.vsftpd(desk.server, desk.own())
    done = desk.openssl("ftp", 21)
    desk.good("Verify return code: 0 (ok)" in done.said, done)


@scenario("certificate-untrusted", "ftp-auth-tls-lftp")
def ftp_fails(lab: Lab) -> None:
    """FTP with AUTH TLS to vsftpd; lftp (GnuTLS) does not have the CA that the chain ends in."""
    desk = Desk(lab, "vsftpd", "lftp", name="files.maple.test")
    dialects.vsftpd(desk.server, desk.own())
    other = pki.write_bundle(lab.work, "other-anchors", pki.root("Northgate Root 2021").certificate)
    settings = f"set ssl:ca-file {other}; set ftp:ssl-force yes; set net:max-retries 1; set ssl:priority NORMAL:-VERS-TLS1.3; "
    with lab.record(desk.server):
        done = desk.client.run("lftp", "-c", f"{settings} open -u anonymous,a ftp://files.maple.test; ls", timeout=12)
    lab.quote("lftp", done, "Certificate verification")
    seen = desk.seen
    lab.failed(
        seen, "certificate-untrusted", side="client", owners=["client", "server"], at_least="possible",
        also=["certificate-rejected"], frames=[], truth="certificate-untrusted", or_outcome="completed",
        note="The handshake completes, lftp then closes. vsftpd asked for a client certificate, which has nothing to do with it.",
    )  # fmt: skip


@scenario("starttls-missing", "ftp")
def ftp_at_once(lab: Lab) -> None:
    """openssl speaks TLS at once on vsftpd's port 21, which greets in plain text and waits for AUTH TLS."""
    desk = Desk(lab, "vsftpd", "OpenSSL", name="files.maple.test")
    dialects.vsftpd(desk.server, desk.own())
    lab.quote("openssl", desk.openssl("", 21), "wrong version number")
    desk.not_asked("220")


@scenario("starttls-refused", "ftp")
def ftp_refuses(lab: Lab) -> None:
    """vsftpd without TLS answers AUTH TLS with 530; lftp insists on TLS and gives up."""
    desk = Desk(lab, "vsftpd", "lftp", name="files.maple.test")
    dialects.vsftpd(desk.server, None)
    settings = "set ftp:ssl-force yes; set net:max-retries 1; set net:timeout 5; "
    with lab.record(desk.server):
        done = desk.client.run("lftp", "-c", f"{settings} open -u anonymous,a ftp://files.maple.test; ls", timeout=12)
    lab.quote("lftp", done, "ssl-force")
    desk.refused(_said_plainly(desk, b"530 "))


# LDAP


@scenario("completed", "ldap-starttls")
def ldap_good(lab: Lab) -> None:
    """LDAP with StartTLS, slapd and ldapsearch (both GnuTLS); all in order."""
    desk = Desk(lab, "OpenLDAP", "GnuTLS", name="people.maple.test")
    dialects.slapd(desk.server, desk.own(), desk.ca)
    done = _ldapsearch(desk, desk.ca)
    desk.good("namingContexts" in done.said, done)


@scenario("certificate-untrusted", "ldap-starttls")
def ldap_fails(lab: Lab) -> None:
    """LDAP with StartTLS to slapd; ldapsearch (GnuTLS) does not have the CA that the chain ends in."""
    desk = Desk(lab, "OpenLDAP", "GnuTLS", name="people.maple.test")
    dialects.slapd(desk.server, desk.own(), desk.ca)
    other = pki.write_bundle(lab.work, "other-anchors", pki.root("Northgate Root 2021").certificate)
    done = _ldapsearch(desk, other, "NORMAL:-VERS-TLS1.3")
    lab.quote("ldapsearch", done, "ldap_start_tls")
    seen = desk.seen
    lab.failed(
        seen, "certificate-untrusted", side="client", owners=["client", "server"], at_least="possible",
        also=["certificate-rejected", "malformed-message"], frames=[], truth="certificate-untrusted",
        note="The handshake completes; libldap then drops TLS and says goodbye in plain text on the same connection.",
    )  # fmt: skip


def _ldapsearch(desk: Desk, ca: str, priority: str = "NORMAL") -> Done:
    words = ["ldapsearch", "-ZZ", "-x", "-H", f"ldap://{desk.name}", "-b", "", "-s", "base", "namingContexts"]
    environment = {"LDAPTLS_CACERT": ca, "LDAPTLS_CIPHER_SUITE": priority}
    with desk.lab.record(desk.server):
        return desk.client.run(*words, env=environment)


@scenario("tls-to-plaintext-port", "ldap-starttls-left-out")
def ldap_at_once(lab: Lab) -> None:
    """openssl speaks TLS at once on slapd's port 389, which waits for StartTLS; slapd closes without a word."""
    desk = Desk(lab, "OpenLDAP", "OpenSSL", name="people.maple.test")
    log = dialects.slapd(desk.server, desk.own(), desk.ca)
    lab.quote("openssl", desk.openssl("", 389), "unexpected eof")
    lab.quote("slapd", log, "closed (connection lost)")
    desk.not_asked()


@scenario("starttls-refused", "ldap")
def ldap_refuses(lab: Lab) -> None:
    """slapd without TLS refuses StartTLS with protocolError; ldapsearch -ZZ insists on it and gives up."""
    desk = Desk(lab, "OpenLDAP", name="people.maple.test")
    dialects.slapd(desk.server, None)
    done = _ldapsearch(desk, desk.ca)
    lab.quote("ldapsearch", done, "ldap_start_tls: Protocol error")
    desk.refused(_said_plainly(desk, b"unsupported extended operation"))


# PostgreSQL


@scenario("completed", "postgresql-sslrequest")
def postgresql_good(lab: Lab) -> None:
    """PostgreSQL's SSLRequest, psql with sslmode=verify-full; all in order."""
    desk = Desk(lab, "PostgreSQL", "psql", "OpenSSL", name="ledger.maple.test")
    dialects.postgresql(desk.server, desk.own())
    done = _psql(desk, "sslmode=verify-full", f"sslrootcert={desk.ca}")
    desk.good("all is well" in done.said, done)


@scenario("certificate-untrusted", "postgresql-sslrequest")
def postgresql_fails(lab: Lab) -> None:
    """psql with sslmode=verify-ca does not have the CA that PostgreSQL's chain ends in: unknown_ca. TLS 1.2."""
    desk = Desk(lab, "PostgreSQL", "psql", "OpenSSL", name="ledger.maple.test")
    log = dialects.postgresql(desk.server, desk.own())
    other = pki.write_bundle(lab.work, "other-anchors", pki.root("Northgate Root 2021").certificate)
    done = _psql(desk, "sslmode=verify-ca", f"sslrootcert={other}", "ssl_max_protocol_version=TLSv1.2")
    lab.quote("psql", done, "certificate verify failed")
    lab.quote("PostgreSQL", log, "tlsv1 alert unknown ca")
    seen = desk.seen
    lab.failed(
        seen, "certificate-untrusted", side="client", owners=["client", "server"], at_least="likely",
        frames=[seen.message(11, "server"), seen.alert("client", 48)],
    )  # fmt: skip


@scenario("certificate-name-mismatch", "postgresql-closed-after-handshake")
def postgresql_name(lab: Lab) -> None:
    """psql with sslmode=verify-full looks at the name only after the handshake, and closes without an alert. TLS 1.2."""
    desk = Desk(lab, "PostgreSQL", "psql", "OpenSSL", name="ledger.maple.test")
    dialects.postgresql(desk.server, desk.own("ledger-2.maple.test"))
    done = _psql(desk, "sslmode=verify-full", f"sslrootcert={desk.ca}", "ssl_max_protocol_version=TLSv1.2")
    lab.quote("psql", done, "does not match host name")
    seen = desk.seen
    lab.failed(
        seen, "certificate-name-mismatch", side="client", owners=["server"], at_least="possible", at_most="likely",
        frames=[seen.message(11, "server")],
    )  # fmt: skip


def _psql(desk: Desk, *words: str) -> Done:
    target = " ".join([f"host={desk.name}", "user=postgres", "dbname=postgres", "connect_timeout=8", "gssencmode=disable", *words])
    with desk.lab.record(desk.server):
        return desk.client.run("psql", "-X", "-c", "select 'all is well'", target)


@scenario("tls-to-plaintext-port", "postgresql-sslrequest-left-out")
def postgresql_at_once(lab: Lab) -> None:
    """openssl speaks TLS at once on PostgreSQL's port, which waits for an SSLRequest and closes without a word."""
    desk = Desk(lab, "PostgreSQL", "OpenSSL", name="ledger.maple.test")
    log = dialects.postgresql(desk.server, desk.own())
    desk.openssl("", 5432)
    lab.quote("PostgreSQL", log, "invalid length of startup packet")
    desk.not_asked()


@scenario("starttls-refused", "postgresql")
def postgresql_refuses(lab: Lab) -> None:
    """PostgreSQL with ssl=off answers the SSLRequest with N; psql with sslmode=require gives up."""
    desk = Desk(lab, "PostgreSQL", "psql", name="ledger.maple.test")
    dialects.postgresql(desk.server, None)
    done = _psql(desk, "sslmode=require")
    lab.quote("psql", done, "server does not support SSL")
    desk.refused(desk.seen.data("server")[0].frame)


@scenario("completed", "postgresql-without-tls")
def postgresql_prefers(lab: Lab) -> None:
    """psql with sslmode=prefer is told N and goes on in plain text, as it is meant to: no failure."""
    desk = Desk(lab, "PostgreSQL", "psql", name="ledger.maple.test")
    dialects.postgresql(desk.server, None)
    done = _psql(desk, "sslmode=prefer")
    lab.must("all is well" in done.said, "served in plain text")
    lab.nothing(desk.seen)


# MySQL


@scenario("completed", "mysql-ssl")
def mysql_good(lab: Lab) -> None:
    """MariaDB's server and its client with TLS that is verified; all in order."""
    desk = Desk(lab, "MariaDB", "MariaDB client", name="stock.maple.test")
    dialects.mariadb(desk.server, desk.own())
    done = _mariadb(desk, "--ssl-verify-server-cert", f"--ssl-ca={desk.ca}")
    desk.good("all is well" in done.said, done)


@scenario("chain-incomplete", "mysql-ssl")
def mysql_fails(lab: Lab) -> None:
    """MariaDB sends its certificate without the intermediate; openssl with the right root refuses it after the step to TLS."""
    desk = Desk(lab, "MariaDB", "OpenSSL", name="stock.maple.test")
    dialects.mariadb(desk.server, desk.own(whole=False))
    done = desk.openssl("mysql", 3306, "-tls1_2")
    lab.quote("openssl", done, "unable to get local issuer certificate")
    desk.certificate_refused("chain-incomplete", 48)


def _mariadb(desk: Desk, *options: str) -> Done:
    words = ["mariadb", "--no-defaults", "-h", desk.name, "-u", "root", "--protocol=tcp", "--connect-timeout=8", *options]
    with desk.lab.record(desk.server):
        return desk.client.run(*words, "-e", "select 'all is well'")


@scenario("starttls-missing", "mysql")
def mysql_at_once(lab: Lab) -> None:
    """openssl speaks TLS at once on MariaDB's port, which greets in its own protocol and waits for the client's step to TLS."""
    desk = Desk(lab, "MariaDB", "OpenSSL", name="stock.maple.test")
    dialects.mariadb(desk.server, desk.own())
    lab.quote("openssl", desk.openssl("", 3306), "wrong version number")
    desk.not_asked("greeting")


@scenario("starttls-refused", "mysql")
def mysql_refuses(lab: Lab) -> None:
    """MariaDB without TLS greets without the flag for it; the client insists on TLS and gives up without a ClientHello."""
    desk = Desk(lab, "MariaDB", "MariaDB client", name="stock.maple.test")
    dialects.mariadb(desk.server, None)
    done = _mariadb(desk, "--ssl", "--ssl-verify-server-cert", f"--ssl-ca={desk.ca}")
    lab.quote("mariadb", done, "SSL")
    desk.never_asked()


# XMPP


@scenario("completed", "xmpp-starttls")
def xmpp_good(lab: Lab) -> None:
    """XMPP with starttls, Prosody and openssl; all in order."""
    desk = Desk(lab, "Prosody", "OpenSSL", name="chat.maple.test")
    dialects.prosody(desk.server, desk.own(), "chat.maple.test")
    done = desk.openssl("xmpp", 5222, "-xmpphost", "chat.maple.test")
    desk.good("Verify return code: 0 (ok)" in done.said, done)


@scenario("certificate-not-yet-valid", "xmpp-starttls")
def xmpp_fails(lab: Lab) -> None:
    """XMPP with starttls to Prosody, whose certificate begins in five days; openssl refuses it after the step to TLS."""
    desk = Desk(lab, "Prosody", "OpenSSL", name="chat.maple.test")
    dialects.prosody(desk.server, desk.own(days=(5, 95)), "chat.maple.test")
    done = desk.openssl("xmpp", 5222, "-xmpphost", "chat.maple.test", "-tls1_2")
    lab.quote("openssl", done, "not yet valid")
    desk.certificate_refused("certificate-not-yet-valid", 42)


@scenario("tls-to-plaintext-port", "xmpp-starttls-left-out")
def xmpp_at_once(lab: Lab) -> None:
    """openssl speaks TLS at once on Prosody's port 5222, which answers with an XML error."""
    desk = Desk(lab, "Prosody", "OpenSSL", name="chat.maple.test")
    log = dialects.prosody(desk.server, desk.own(), "chat.maple.test")
    lab.quote("openssl", desk.openssl("", 5222), "wrong version number")
    lab.quote("Prosody", log, "not-well-formed")
    seen = desk.seen
    lab.failed(
        seen, "tls-to-plaintext-port", side="client", owners=["client"], also=["starttls-missing"], at_least="likely",
        frames=[seen.data("server")[0].frame], truth="starttls-missing",
    )  # fmt: skip


@scenario("starttls-refused", "xmpp")
def xmpp_refuses(lab: Lab) -> None:
    """Prosody without its tls module does not offer starttls; openssl waits for the offer until it is stopped."""
    desk = Desk(lab, "Prosody", "OpenSSL", name="chat.maple.test")
    dialects.prosody(desk.server, None, "chat.maple.test")
    desk.openssl("xmpp", 5222, "-xmpphost", "chat.maple.test")
    desk.never_asked()
