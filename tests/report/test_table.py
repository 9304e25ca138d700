import csv
import io

import pytest
from samples import GOOD, SNI_MISSING, Tally

from story import replace
from whytls.model import Diagnosis
from whytls.report.reading import Reading
from whytls.report.table import COLUMNS, TableReport, cell


def rows(*diagnoses: Diagnosis) -> list[dict[str, str]]:
    out = io.StringIO()
    report = TableReport(out.write)
    for diagnosis in diagnoses:
        report.add(diagnosis)
    report.close(Reading(Tally()))  # type: ignore[arg-type]
    return list(csv.DictReader(io.StringIO(out.getvalue())))


def test_a_row_per_diagnosis() -> None:
    first, second = rows(SNI_MISSING, GOOD)
    assert tuple(first) == COLUMNS
    assert first["cause"] == "sni-missing"
    assert first["client_port"] == "41822"
    assert first["owners"] == "gateway backend"
    assert first["evidence"].startswith("#4 ClientHello TLS 1.2, 2 cipher suites, no server_name; #6 backend")
    assert (second["cause"], second["outcome"], second["fix"]) == ("", "completed", "")


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)"])
def test_a_spreadsheet_runs_nothing(name: str) -> None:
    assert rows(replace(SNI_MISSING, sni=name))[0]["sni"] == "'" + name


def test_a_cell_is_one_line() -> None:
    assert cell("a\r\n=b\x1b") == "a\\x0d\\x0a=b\\x1b"
    assert rows(replace(SNI_MISSING, title='say "x", please\n'))[0]["title"] == 'say "x", please\\x0a'
