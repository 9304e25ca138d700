"""What this machine trusts: its own store, certifi's, and Java's."""

from __future__ import annotations

from collections.abc import Iterator

from whytls.exceptions import InputError
from whytls.pki.store import Entry, Opening, Place, Store, file_content, read_anchors, read_bytes, system_places

JAVA_PLACES = (
    "/etc/ssl/certs/java/cacerts", "/etc/pki/java/cacerts", "/usr/lib/jvm/default-java/lib/security/cacerts",
    "/usr/lib/jvm/default/lib/security/cacerts", "/usr/lib/jvm/java/lib/security/cacerts", "/usr/lib/jvm/jre/lib/security/cacerts",
)  # fmt: skip


def read(word: str, opening: Opening) -> Store:
    """The store that the word names: system, certifi or java.

    Raises:
        InputError: there is none on this machine; the hint says where it was looked for.
    """
    if word == "java":
        return _java(opening)
    return _certifi() if word == "certifi" else _system()


def _system() -> Store:
    places = list(system_places())
    for place in places:
        try:
            return _anchors("system", place, read_anchors(place))
        except InputError:
            continue
    raise InputError("this machine has no store of anchors", file="system", hint=f"looked for in {', '.join(places)}; name a file instead")


def _certifi() -> Store:
    try:
        import certifi
    except ImportError:
        raise InputError("the package certifi is not installed", file="certifi", hint="pip install certifi") from None
    place = certifi.where()
    return _anchors("certifi", place, read_anchors(place))


def _anchors(word: str, place: str, found: tuple[bytes, ...]) -> Store:
    return Store(f"{word} ({place})", "anchors", tuple(Entry("trusted", (der,), Place(place)) for der in found))


def _java(opening: Opening) -> Store:
    from pathlib import Path

    places = list(_java_places())
    for place in places:
        if Path(place).is_file():
            return read_bytes(file_content(Path(place)), place, opening)
    raise InputError("no cacerts of a Java here", file="java", hint=f"set JAVA_HOME, or name the file; looked for in {', '.join(places)}")


def _java_places() -> Iterator[str]:
    import os

    home = os.environ.get("JAVA_HOME")
    if home:
        yield from (os.path.join(home, *below, "lib", "security", "cacerts") for below in ((), ("jre",)))
    yield from JAVA_PLACES
