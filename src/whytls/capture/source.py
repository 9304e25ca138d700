"""Opens files, folders, rotated sets, pipes and compressed files, says what kind each is, and reads them as Recordings.

What a file is, its first bytes say; its name says nothing. A capture that is damaged in its middle is no error: what precedes the
damage is read, then the recording's ``warnings`` tell the file, the byte and the fault.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO

from whytls.capture import compressed, link, pcap, pcapng
from whytls.capture.pcap import Readable, Run, exactly
from whytls.exceptions import DamagedInput, InputError

if TYPE_CHECKING:
    from whytls.capture import rotation  # its patterns cost start-up time; one file needs none

PIPE = "-"
_CONVERT = "convert it with: editcap -F pcapng IN OUT"
_OTHERS = {  # what else people hand in, by its first four bytes
    b"snoo": ("a capture of Solaris snoop", _CONVERT),
    b"GMBU": ("a capture of Microsoft Network Monitor", _CONVERT),
    b"RTSS": ("a capture of an old Microsoft Network Monitor", _CONVERT),
    b"TRSN": ("a capture of NetXRay or Sniffer", _CONVERT),
    b"XCP\0": ("a capture of NetXRay or Sniffer", _CONVERT),
    b"MDMP": ("a Windows crash dump", ""),
    b"PK\3\4": ("a zip archive", "unpack it first"),
    b"\x04\x22\x4d\x18": ("compressed with lz4", "unpack it first: lz4 -d FILE"),
    b"7z\xbc\xaf": ("a 7-Zip archive", "unpack it first"),
}


class _Counted:
    """The file as it lies on the disk, and how many bytes were read from it."""

    def __init__(self, file: Readable) -> None:
        self._file, self.count = file, 0

    def read(self, n: int, /) -> bytes:
        data = self._file.read(n)
        self.count += len(data)
        return data


class _Opened:
    """A capture file that was opened and recognised; close it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.raw = _stdin() if name == PIPE else _file(name)
        self.counted = _Counted(self.raw)
        self.compressed = False
        try:
            self.reader, self.magic = self._recognise()
        except BaseException:
            self.close()
            raise

    def _recognise(self) -> tuple[Readable, bytes]:
        try:
            reader: Readable = self.counted
            magic = exactly(reader, 4)
            inner = compressed.opened(reader, magic)
            if inner:
                reader, self.compressed = inner, True
                magic = exactly(reader, 4)
        except DamagedInput as damage:
            raise InputError(damage.problem, file=shown(self.name)) from None
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", file=shown(self.name)) from None
        if magic not in pcap.MAGICS and magic != pcapng.MAGIC:
            raise _no_capture(self.name, magic, self.compressed)
        return reader, magic

    def runs(self, secrets: list[bytes]) -> Iterator[Run]:
        """The packets."""
        if self.magic == pcapng.MAGIC:
            return pcapng.runs(self.reader, self.magic, secrets)
        return pcap.runs(self.reader, self.magic)

    def close(self) -> None:
        """Close the file, unless it is standard input."""
        if self.name != PIPE:
            self.raw.close()


def shown(name: str) -> str:
    """The name for people."""
    return "standard input" if name == PIPE else name


def _file(name: str) -> BinaryIO:
    try:
        return open(name, "rb", buffering=0)
    except FileNotFoundError:
        raise InputError("there is no such file", file=name) from None
    except PermissionError:
        raise InputError("reading it is not permitted", file=name, hint="captures made by root: chmod a+r FILE") from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be opened: {getattr(error, 'strerror', None) or error}", file=name) from None


def _stdin() -> BinaryIO:
    """Standard input without buffering: packets are seen when they come, not when a block is full."""
    stream = sys.stdin.buffer
    if stream.isatty():
        raise InputError("nothing is piped in", file=shown(PIPE), hint="tcpdump -i any -U -w - | whytls diagnose -")
    raw: BinaryIO = getattr(stream, "raw", stream)
    if raw is not stream:
        os.set_blocking(raw.fileno(), True)
    return raw


def _no_capture(name: str, magic: bytes, inside: bool) -> InputError:
    if not magic and inside:
        return InputError("the compressed data in it is empty, or cut short at its beginning", file=shown(name))
    if not magic:
        hint = "tcpdump writes a header at once: was it allowed to record, is the disk full?"
        return InputError("the file is empty", file=shown(name), hint=hint)
    what, hint = _OTHERS.get(magic, ("no capture", "pcap and pcapng are read, plain or compressed with gzip, xz, zstd, bzip2"))
    if what == "no capture" and all(c in b"\t\r\n" or 32 <= c < 127 for c in magic):
        what, hint = "text, no capture", "record with: tcpdump -i any -s 0 -w FILE"
    return InputError(f"what is compressed in it is {what}" if inside else f"this is {what}", file=shown(name), hint=hint)


class Recording:
    """One file, one pipe, or one rotated set: what was recorded together, in the order of time.

    ``warnings`` and ``secrets`` fill up while ``runs`` is consumed. ``progress``, where set, is called with the bytes read so far
    and the total (None for a pipe).
    """

    def __init__(self, files: Sequence[str], warnings: Sequence[str] = ()) -> None:
        self.files = tuple(files)
        self.warnings = list(warnings)
        self.secrets: list[bytes] = []
        self.progress: Callable[[int, int | None], None] | None = None
        self._told: set[int] = set()
        self._read = 0

    @property
    def name(self) -> str:
        """The file's name; of a set, its first and last."""
        first, last = shown(self.files[0]), self.files[-1]
        return first if len(self.files) == 1 else f"{first} … {os.path.basename(last)}"

    def runs(self) -> Iterator[tuple[str, Run]]:
        """Yield (file, run), file after file. InputError only where the first file is no capture at all."""
        self._read, total = 0, _total(self.files)
        for name in self.files:
            try:
                opened = _Opened(name)
            except InputError as error:
                if name == self.files[0]:
                    raise
                self.warnings.append(str(error))
                continue
            try:
                for run in self._guarded(opened, total):
                    yield name, run
            finally:
                opened.close()
            self._read += opened.counted.count

    def _guarded(self, opened: _Opened, total: int | None) -> Iterator[Run]:
        """One file's packets; damage becomes a warning."""
        try:
            for run in opened.runs(self.secrets):
                if run.link not in self._told:
                    self._told.add(run.link)
                    self.warnings.extend(filter(None, [link.unsupported(run.link)]))
                if self.progress:
                    self.progress(self._read + opened.counted.count, total)
                yield run
        except DamagedInput as damage:
            problem = f"{damage.problem}; what comes before it was read"
            hint = "counted in the unpacked file" if opened.compressed and damage.offset is not None else None
            self.warnings.append(str(DamagedInput(problem, file=shown(opened.name), offset=damage.offset, hint=hint)))
        except OSError as error:
            at = opened.counted.count
            self.warnings.append(str(DamagedInput(f"reading failed: {error.strerror}", file=shown(opened.name), offset=at)))


def _total(files: Sequence[str]) -> int | None:
    try:
        return None if PIPE in files else sum(os.stat(name).st_size for name in files) or None
    except OSError:
        return None


def first_time(path: str) -> int | None:
    """When a file's first packet was recorded (nanoseconds since 1970), from the beginning of the file; None if it has none."""
    return _span(path, False).first


def _span(path: str, whole: bool = True) -> rotation.Span:
    from whytls.capture import rotation

    opened = _Opened(path)
    try:
        run = next((run for run in opened.runs([]) if run.starts), None)
        if run is None:
            return rotation.Span(path, None, None)
        first = run.when(run.buf, run.starts[0])
        size = os.fstat(opened.raw.fileno()).st_size
        last = None
        if whole and not opened.compressed:
            last = rotation.last_time(opened.raw, size, opened.magic, first, run.when)
        return rotation.Span(path, first, last)
    except (DamagedInput, OSError):
        return rotation.Span(path, None, None)
    finally:
        opened.close()


def recordings(paths: Sequence[str]) -> Iterator[Recording]:
    """Yield the recordings that files, folders and "-" hold, in the order given; pieces of one rotated set are one recording.

    InputError, before anything is read, for a path that is missing or no capture. In a folder, other files are passed over.
    """
    notes: list[str] = []
    names: dict[str, str] = {}  # by where a name really leads: a file that is given twice is read once
    for path in map(os.fspath, paths):
        for name in _folder(path, notes) if path != PIPE and os.path.isdir(path) else [_checked(path)]:
            names.setdefault(name if name == PIPE else os.path.realpath(name), name)
    for files in _sets(list(names.values())):
        yield Recording(files, notes)
        notes = []


def _sets(names: list[str]) -> list[tuple[str, ...]]:
    regular = [name for name in names if _is_regular(name)]
    if len(regular) < 2:
        return [(name,) for name in names]
    from whytls.capture import rotation

    place = {name: number for number, name in enumerate(names)}
    found = rotation.sets(regular, _span) + [(name,) for name in names if not _is_regular(name)]
    return sorted(found, key=lambda files: min(place[name] for name in files))


def _checked(name: str) -> str:
    """The name, if a capture is behind it; what can be read only once is recognised when it is read."""
    if name != PIPE and (_is_regular(name) or not os.path.exists(name)):
        _Opened(name).close()
    return name


def _is_regular(name: str) -> bool:
    try:
        return name != PIPE and stat.S_ISREG(os.stat(name).st_mode)
    except (OSError, ValueError):
        return False


def _folder(path: str, notes: list[str]) -> list[str]:
    """The captures in a folder and the folders in it, in the order of their names; what could not be looked at goes to ``notes``."""
    found = []
    for folder, folders, names in os.walk(path, onerror=lambda error: notes.append(f"{error.filename}: {error.strerror}")):
        folders.sort()
        for full in (os.path.join(folder, name) for name in sorted(names)):
            if not _is_regular(full):
                continue
            if not os.access(full, os.R_OK):
                notes.append(f"{full}: reading it is not permitted")
                continue
            try:
                _Opened(full).close()
            except InputError:
                continue  # a folder holds other things than captures
            found.append(full)
    if not found:
        raise InputError("there is no capture in this folder", file=path, hint="; ".join(notes[:3]) or None)
    return found
