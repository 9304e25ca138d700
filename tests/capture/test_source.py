"""Files, folders, sets, pipes: what becomes a recording, what is refused, and what damage costs."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rewrap import CAPTURES, Packet, ethernet, packets
from rewrap_files import pcap, plain

from whytls.capture import source
from whytls.exceptions import InputError

ORIGINAL = packets(CAPTURES[0])
FRAMES = [Packet(p.time, ethernet(p.data)) for p in ORIGINAL]
FILE = pcap(FRAMES, 1)


def contents(recording: source.Recording) -> list[bytes]:
    return [run.buf[s:e] for _, run in recording.runs() for s, e in zip(run.starts, run.ends, strict=True)]


def one(path: Path | str) -> source.Recording:
    (recording,) = source.recordings([str(path)])
    return recording


def refusal(path: Path | str) -> str:
    with pytest.raises(InputError) as caught:
        list(source.recordings([str(path)]))
    return str(caught.value)


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    file = tmp_path / "edge.pcap"
    file.write_bytes(FILE)
    return file


def test_a_file(capture: Path) -> None:
    recording = one(capture)
    assert (recording.name, recording.files) == (str(capture), (str(capture),))
    assert contents(recording) == [p.data for p in FRAMES]
    assert recording.warnings == []
    assert [name for name, _ in recording.runs()] == [str(capture)]


def test_what_is_refused_says_why_and_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for content, words in (
        (b"", ("empty", "disk full")),
        (b"\xd4", ("no capture", "pcapng")),
        (b"\0" * 100, ("no capture", "pcapng")),
        (b"snoop\0\0\0", ("snoop", "editcap")),
        (b"PK\3\4" + bytes(50), ("zip", "unpack")),
        (b"12:00:01.123 IP 10.0.0.1", ("text", "tcpdump -i any -s 0 -w FILE")),
        (gzip.compress(b"12:00:01.123 IP"), ("compressed", "text")),
        (gzip.compress(b""), ("compressed", "empty")),
        (b"\x1f\x8b\x08\0" + bytes(20), ("compressed",)),
        (b"\x1f\x8b\xff\xff" + bytes(20), ("gzip", "damaged")),
        (gzip.compress(FILE)[:12], ("gzip", "cut short")),
    ):
        file.write_bytes(content)
        said = refusal(file)
        assert said.startswith(str(file))
        assert all(word in said for word in words), said
    assert "no such file" in refusal(tmp_path / "missing")
    assert "no such file" in refusal(tmp_path / "file" / "below") or "cannot be opened" in refusal(tmp_path / "file" / "below")
    assert "cannot be opened" in refusal("nul\0byte")


def test_one_wrong_path_is_told_before_anything_is_read(capture: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        next(source.recordings([str(capture), str(tmp_path / "missing")]))


def test_a_file_that_ends_in_its_header_is_damaged_not_refused(tmp_path: Path) -> None:
    file = tmp_path / "edge.pcap"
    file.write_bytes(FILE[:20])
    recording = one(file)
    assert contents(recording) == []
    assert recording.warnings == [f"{file}, byte 20: the file ends inside its header; what comes before it was read"]


def test_damage_is_one_warning_with_file_and_byte(tmp_path: Path) -> None:
    file = tmp_path / "edge.pcap"
    file.write_bytes(FILE[:-5])
    recording = one(file)
    assert contents(recording) == [p.data for p in FRAMES[:-1]]
    at = len(FILE) - len(FRAMES[-1].data) - 16
    assert recording.warnings == [f"{file}, byte {at}: the last record is cut short; what comes before it was read"]


def test_damage_in_one_file_of_a_set_leaves_the_others(tmp_path: Path) -> None:
    parts = [FRAMES[:3], FRAMES[3:6], FRAMES[6:]]
    for number, part in enumerate(parts):
        data = pcap(part, 1)
        (tmp_path / f"edge.pcap{number}").write_bytes(data[:-1] if number == 1 else data)
    recording = one(tmp_path)
    assert contents(recording) == [p.data for part in (FRAMES[:5], FRAMES[6:]) for p in part]
    assert len(recording.warnings) == 1
    assert "edge.pcap1, byte" in recording.warnings[0]


def test_a_folder_holds_captures_and_other_things(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two.dat").write_bytes(plain(ORIGINAL).data)
    (tmp_path / "a.bin").write_bytes(gzip.compress(FILE))
    (tmp_path / "label.json").write_text("{}")
    (tmp_path / "empty.pcap").write_bytes(b"")
    (tmp_path / "broken.gz").write_bytes(b"\x1f\x8b\x08garbage")
    (tmp_path / "dead").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    found = list(source.recordings([str(tmp_path)]))
    assert [recording.name for recording in found] == [str(tmp_path / "a.bin"), str(tmp_path / "b" / "two.dat")]
    for recording in found:
        assert contents(recording) == [p.data for p in FRAMES]
        assert recording.warnings == []


def test_what_cannot_be_read_in_a_folder_is_said(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = capture.with_name("secret.pcap")
    secret.write_bytes(FILE)
    monkeypatch.setattr(os, "access", lambda path, mode: "secret" not in path)
    recording = one(capture.parent)
    assert recording.files == (str(capture),)
    assert recording.warnings == [f"{secret}: reading it is not permitted"]


def test_a_folder_without_captures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing here")
    assert "no capture in this folder" in refusal(tmp_path)


def test_a_file_given_twice_is_read_once_and_the_order_is_kept(capture: Path, tmp_path: Path) -> None:
    other = tmp_path / "another.pcap"
    other.write_bytes(FILE)
    found = list(source.recordings([str(capture), str(other), str(capture), str(tmp_path)]))
    assert [recording.name for recording in found] == [str(capture), str(other)]


def test_progress_counts_the_bytes_of_all_files(tmp_path: Path) -> None:
    parts = [pcap(FRAMES[:5], 1), gzip.compress(pcap(FRAMES[5:], 1))]
    (tmp_path / "edge.pcap").write_bytes(parts[0])
    (tmp_path / "edge.pcap1.gz").write_bytes(parts[1])
    recording, calls = one(tmp_path), list[tuple[int, int | None]]()
    recording.progress = lambda done, total: calls.append((done, total))
    contents(recording)
    total = len(parts[0]) + len(parts[1])
    assert calls == [(len(parts[0]), total), (total, total)]


def test_a_pipe_that_is_a_path(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen([sys.executable, "-c", "import sys; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read())", str(pipe)],
                          stdin=subprocess.PIPE) as writer:  # fmt: skip
        assert writer.stdin is not None
        writer.stdin.write(FILE)
        writer.stdin.close()
        assert contents(one(pipe)) == [p.data for p in FRAMES]


READ_STDIN = (
    "from whytls.capture import source\n(r,) = source.recordings(['-'])\nprint(r.name, sum(len(run.starts) for _, run in r.runs()), r.warnings)\n"
)


@pytest.mark.parametrize("data", [FILE, gzip.compress(FILE), plain(ORIGINAL).data], ids=["pcap", "gzip", "pcapng"])
def test_standard_input(data: bytes) -> None:
    said = subprocess.run([sys.executable, "-c", READ_STDIN], input=data, capture_output=True, timeout=30, check=True).stdout
    assert said.decode() == f"standard input {len(FRAMES)} []\n"


def test_standard_input_gives_packets_when_they_come() -> None:
    code = "from whytls.capture import source\n(r,) = source.recordings(['-'])\nfor _, run in r.runs(): print(len(run.starts), flush=True)\n"
    cut = 24 + 16 + len(FRAMES[0].data)
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        reader.stdin.write(FILE[: cut + 5])
        reader.stdin.flush()
        assert reader.stdout.readline() == b"1\n"  # though the pipe stays open, and the second packet is not whole
        reader.stdin.write(FILE[cut + 5 :])
        reader.stdin.close()
        assert reader.stdout.readline() == f"{len(FRAMES) - 1}\n".encode()


def test_standard_input_that_was_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    class Replaced:
        buffer = io.BytesIO(FILE)

    monkeypatch.setattr(sys, "stdin", Replaced())
    assert contents(one("-")) == [p.data for p in FRAMES]


def test_standard_input_that_is_no_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    class Replaced:
        buffer = io.BytesIO(b"tcpdump: no permission")

    monkeypatch.setattr(sys, "stdin", Replaced())
    (recording,) = source.recordings(["-"])
    with pytest.raises(InputError, match="standard input: this is text"):
        contents(recording)


def test_a_terminal_is_no_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.BytesIO):
        def isatty(self) -> bool:
            return True

    class Replaced:
        buffer = Terminal()

    monkeypatch.setattr(sys, "stdin", Replaced())
    (recording,) = source.recordings(["-"])
    with pytest.raises(InputError, match="nothing is piped in"):
        contents(recording)


def test_reading_fails_in_the_middle(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = source._Counted.read

    def failing(self: source._Counted, n: int, /) -> bytes:
        if self.count > 24:
            raise OSError(5, "Input/output error")
        return real(self, min(n, 200))

    recording = one(capture)
    monkeypatch.setattr(source._Counted, "read", failing)
    assert contents(recording) == [p.data for p in FRAMES[:2]]
    assert recording.warnings == [f"{capture}, byte 224: reading failed: Input/output error"]


def test_a_file_of_a_set_that_vanishes_is_a_warning(tmp_path: Path) -> None:
    for number, part in enumerate((FRAMES[:5], FRAMES[5:])):
        (tmp_path / f"edge.pcap{number}").write_bytes(pcap(part, 1))
    recording = one(tmp_path)
    (tmp_path / "edge.pcap1").unlink()
    assert contents(recording) == [p.data for p in FRAMES[:5]]
    assert recording.warnings == [f"{tmp_path / 'edge.pcap1'}: there is no such file"]


def test_the_first_packet_s_time(capture: Path, tmp_path: Path) -> None:
    assert source.first_time(str(capture)) == FRAMES[0].time
    capture.write_bytes(FILE[:24])
    assert source.first_time(str(capture)) is None
    capture.write_bytes(FILE[:20])
    assert source.first_time(str(capture)) is None
    with pytest.raises(InputError):
        source.first_time(str(tmp_path))


def test_nothing_heavy_is_imported_for_one_plain_file(capture: Path) -> None:
    code = (
        "import sys\nfrom whytls.capture import source\n"
        "(r,) = source.recordings([sys.argv[1]])\nassert sum(len(run.starts) for _, run in r.runs())\n"
        "print([m for m in ('whytls.capture.rotation', 'zstandard', 'lzma', 'bz2', 'gzip', 'json', 'asyncio', 'ssl') if m in sys.modules])\n"
    )
    said = subprocess.run([sys.executable, "-S", "-c", code, str(capture)], capture_output=True, text=True, timeout=30, check=True,
                          env={"PYTHONPATH": str(Path(source.__file__).parents[2])}).stdout  # fmt: skip
    assert said == "[]\n"
