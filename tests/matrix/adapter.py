"""Puts our JSON (docs/design.md, "The JSON contract") into the words of the labels; grade.py loads this file.

It is given the tool's answer and the addresses and ports of the connection in question, never the label's cause.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

LABEL_OF = {slug: label for label, slug in tomllib.loads(Path(__file__).with_name("labels.toml").read_text())["causes"].items()}

# Who must fix it, in the labels' words: they know two ends only. The gateway is the client of one hop, the server of the other.
END_OF = {
    "northbound": {"client": "client", "gateway": "server", "backend": "server"},
    "southbound": {"client": "client", "gateway": "client", "backend": "server"},
    "direct": {"client": "client", "server": "server", "gateway": "client", "backend": "server"},
}


def adapt(answer: Any, connection: dict[str, Any]) -> dict[str, Any]:
    """What we said about that connection; a connection that stands in no diagnosis is one that we call good."""
    if not isinstance(answer, dict) or "diagnoses" not in answer:
        return {}
    diagnosis = pick(answer["diagnoses"], connection)
    if diagnosis is None or diagnosis["cause"] is None:
        return {"cause": "success", "frames": []}
    cause = diagnosis["cause"]
    owner = next(iter(diagnosis["owners"]), None)
    return {
        "cause": LABEL_OF.get(cause, cause),
        "sub_cause": diagnosis["detail"].replace("-", "_") or None,
        "failing_side": diagnosis["failing_side"],
        "alternatives": [LABEL_OF.get(a["cause"], a["cause"]) for a in diagnosis["alternatives"]],
        "confidence": diagnosis["confidence"],
        "class": diagnosis["cause_class"].replace("-", "_"),
        "frames": sorted({frame for evidence in diagnosis["evidence"] for frame in evidence["frames"]}),
        "owner": END_OF[diagnosis["hop"]].get(owner, owner),
    }


def pick(diagnoses: list[dict[str, Any]], connection: dict[str, Any]) -> dict[str, Any] | None:
    """The diagnosis of that connection: same addresses and server port, and of several the one with its client port."""
    found = [
        d
        for d in diagnoses
        if d["server"]["port"] == connection["server_port"]
        and d["server"]["address"] == connection["server_ip"]
        and d["client"]["address"] == connection["client_ip"]
    ]
    found.sort(key=lambda d: d["client"]["port"] != connection["client_port"])
    return found[0] if found else None
