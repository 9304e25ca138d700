"""`make demo`: every cause of the Edge runbook "TLS/SSL handshake failures", as `whytls diagnose` reads it from a recording, and then live.

The recordings are in tests/corpus, with how each was made; live is `whytls demo`. Ends with 1 if anything is not as the runbook has it.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WHYTLS = Path(sys.executable).with_name("whytls")
FAILURES_FOUND = 1
TWO_MACHINES = ("--router", "10.20.0.5", "--message-processor", "10.20.0.6", "--backend", "10.20.9.0/24")


@dataclass(frozen=True, slots=True)
class Scene:
    """One recording: what the runbook says about it, and the cause that must be named."""

    runbook: str
    folder: str
    options: tuple[str, ...] = ()

    @property
    def cause(self) -> str:
        """The cause that the folder is named after."""
        return self.folder.partition("--")[0]


SCENES = (
    Scene("R4  protocol mismatch: the backend speaks TLS 1.0 only", "protocol-mismatch--southbound-tls10-backend"),
    Scene("R5  cipher mismatch: no suite in common, on one of two routes", "cipher-mismatch--southbound-one-of-two-routes"),
    Scene("R6  the certificate is for another host name", "certificate-name-mismatch--southbound-nginx-verify"),
    Scene("R7  incomplete chain", "chain-incomplete--southbound-python-processor", TWO_MACHINES),
    Scene("R8  expired certificate, sent by the backend", "certificate-expired--southbound-java-processor", TWO_MACHINES),
    Scene("R8  unknown certificate, sent by the backend", "certificate-untrusted--southbound-haproxy"),
    Scene("R8  expired certificate, sent by the client (mutual TLS)", "client-certificate-expired--curl-to-haproxy-tls12"),
    Scene("R8  no client certificate, in the Router's own way: the handshake completes, then HTTP 400",
          "client-certificate-missing--router-400-tls12-curl"),
    Scene("R9  the backend needs a server name, the Message Processor sends none",
          "sni-missing--southbound-runbook-java", TWO_MACHINES),
    Scene("R10 handshake_failure alone leaves two readings open ...", "sni-missing--handshake-failure-alone"),
    Scene("R10 ... and another handshake of the recording decides", "sni-missing--another-client-sends-the-name"),
)  # fmt: skip


def play(scene: Scene) -> bool:
    """Run the command as a user would; whether the cause was named."""
    capture = f"tests/corpus/{scene.folder}/capture.pcap"
    arguments = ["diagnose", capture, *scene.options]
    print(f"\n──── {scene.runbook}\n\n$ whytls {shlex.join(arguments)}\n", flush=True)
    shown = subprocess.run([WHYTLS, *arguments], cwd=ROOT, check=False)
    causes = subprocess.run([WHYTLS, *arguments, "--format", "csv"], cwd=ROOT, check=False, capture_output=True, text=True).stdout
    if shown.returncode == FAILURES_FOUND and scene.cause in causes:
        return True
    print(f"\nexpected the cause {scene.cause} and exit code {FAILURES_FOUND}, got exit code {shown.returncode}", file=sys.stderr)
    return False


def main() -> int:
    """All scenes, the runbook on a gateway of our own, then where to go on."""
    good = [play(scene) for scene in SCENES]
    print("\n──── The same live, on both hops of a gateway: provoked, explained, mended\n\n$ whytls demo\n", flush=True)
    good.append(subprocess.run([WHYTLS, "demo"], cwd=ROOT, check=False).returncode == 0)
    print("\n────\nThe lesson behind a cause:             whytls explain sni-missing")
    print("One handshake, message by message:     whytls diagnose CAPTURE --show 1")
    print("One row of the table, with all of it:  whytls demo --row south-sni --verbose")
    print("For programs:                          whytls diagnose CAPTURE --format json")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
