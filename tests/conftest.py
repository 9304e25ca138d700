"""Rules for the whole suite."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says nothing on a machine that others use, too; time in proportion to the input is the fuzzer's to watch.
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the generators in tools/ are tested, too


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--rewrite-expected`` accepts the verdicts of today (tests/matrix/expected.json)."""
    parser.addoption("--rewrite-expected", action="store_true", help="write the expected verdicts anew")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is a failure: a machine that lacks what a test needs has not shown that the test passes."""
    if os.environ.get("CI") != "true" or hasattr(session.config, "workerinput"):
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped") and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names the skipped tests, which `-q` leaves out."""
    for report in terminalreporter.stats.get("skipped", []):
        terminalreporter.write_line(f"SKIPPED {report.nodeid}: {report.longrepr}")
