"""A defect: one thing that is wrong with a chain, with the facts and without a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from whytls.tuples import NamedTuple

Purpose = Literal["server", "client"]


class Defect(NamedTuple):
    """One thing that is wrong: what, where, and how sure that it is so (not: how sure that a peer minds; see ``trust``)."""

    slug: str
    index: int | None = None  # type: ignore[assignment]  # of the certificate in what was sent, from 0; None: an anchor, or the chain as a whole
    certificate: str | None = None  # its SHA-256, hexadecimal
    detail: str = ""  # a slug, where one defect has several forms
    facts: Mapping[str, Any] = MappingProxyType({})  # typed values; names as they stand in the certificate
    certain: bool = True  # False: it is so unless the rejecting side holds certificates that we have not seen
