"""What one server accepts, all of it: the questions of the other files, asked side by side and put together.

The first offer holds everything; it shows the best version, and is the first question about that. Then each version is asked by itself
(``elimination.py``), all at once, for they have nothing to do with each other. TLS 1.3 pays for its groups itself: with no key share in
the hello the server names a group in each HelloRetryRequest. The highest version before it, the ``lead``, pays for signature schemes
and application protocols, and for groups where there is no TLS 1.3. The certificates, the request for ours and what sessions are
promised stand in the same answers. What needs to know the versions comes last: names, resumption, a needless fallback.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Iterable

from whytls.probing import seen, sessions, sni
from whytls.probing.asking import Asker, Ended, hello
from whytls.probing.attempt import Attempt, Prober
from whytls.probing.elimination import Elimination
from whytls.probing.offer import ALL_VERSIONS, PROTOCOLS, Answer, Offer, Part, broad, offer, suites_for
from whytls.probing.result import Inventory, NameAsked, Refused, Resumption, VersionFound
from whytls.probing.why import Why, why
from whytls.wire.registry import SSL2, SSL3, TLS12, TLS13, suite_facts, version_name

Progress = Callable[[Attempt], None]
INAPPROPRIATE_FALLBACK, PROTOCOL_VERSION = 86, 70
FEWEST = 15  # suites that are offered at once at least
_X25519 = 0x001D
_FOR_CERTIFICATES = (0xC02B, 0xC02F)  # ECDHE with ECDSA and with RSA


async def inventory(
    prober: Prober, server_name: str | None = None, *, target: str = "", without: Collection[str] = (), progress: Progress | None = None
) -> Inventory:
    """Asks a server for everything it accepts. Never raises for what the server does; what could not be asked is in ``warnings``.

    ``without`` leaves parts out: suites (then a version is only asked for its first choice), groups, alpn, names, resumption,
    client-certificate. ``progress`` is called after each attempt.
    """
    began = time.perf_counter()
    survey = Survey(Asker(prober, server_name, progress), frozenset(without))
    try:
        await survey.run()
    except Ended as end:
        survey.warnings.append(f"not everything was asked: {end}")
    return survey.inventory(target or prober.label, time.perf_counter() - began)


class Survey:
    """One server while it is asked: what is known so far, so that an early end leaves a part and not nothing."""

    def __init__(self, asker: Asker, without: frozenset[str] = frozenset()) -> None:
        self.asker, self.without = asker, without
        self.versions: dict[int, Elimination] = {}
        self.refused: dict[int, Refused] = {}
        self.hidden: Elimination | None = None  # what TLS 1.3 says under its keys, where nothing else says it
        self.group_order: bool | None = None
        self.fallback: bool | None = None
        self.names: dict[int, NameAsked] = {}  # by the place of the question
        self.resumptions: list[Resumption] = []
        self.warnings: list[str] = []
        self.why: Why | None = None  # where an offer of everything is refused
        self._most = 0  # suites in one offer; 0: any number

    # -------------------------------------------------------------- what is known

    @property
    def accepted(self) -> list[int]:
        """The versions that are accepted, highest first."""
        return [version for version in ALL_VERSIONS if version in self.versions and self.versions[version].accepted]

    @property
    def lead(self) -> Elimination | None:
        """The highest version before TLS 1.3, but not SSLv2."""
        return next((self.versions[version] for version in self.accepted if SSL3 <= version <= TLS12), None)

    @property
    def new(self) -> Elimination | None:
        """TLS 1.3."""
        found = self.versions.get(TLS13)
        return found if found is not None and found.accepted else None

    # -------------------------------------------------------------- the questions

    async def run(self) -> None:
        """All questions.

        Raises:
            Ended: the target is gone, or the bounds are reached.
        """
        first = await self.asker.ask(broad())
        if not first.accepted and not await self._learned(first):
            return
        if first.accepted and first.version is not None:  # what is higher was offered, and not taken
            self.refused = {version: Refused(first.attempt, first.end) for version in ALL_VERSIONS if version > first.version}
        wanted = [version for version in ALL_VERSIONS if version not in self.refused]
        lead = next((version for version in wanted if version <= TLS12), None)
        for version in wanted:
            joint: tuple[Part, ...] = ("groups",) if version == TLS13 else ()
            if version == lead:
                joint = ("schemes", "alpn") if TLS13 in wanted else ("groups", "schemes", "alpn")
            self.versions[version] = Elimination(self._bearable(offer(version, suites_for(version))), joint)
        await _together([self._version(version, first) for version in wanted])
        await self._hidden()
        await _together([self._lists(), self._fallback(), self._to_the_end(), self._new_session()])

    async def _learned(self, refused: Answer) -> bool:
        """After an offer of everything that was refused: what has to be different for this server; whether it makes sense to go on."""
        found = self.why = await self.asker.carry(why(broad(), refused, named=self.asker.server_name is not None))
        if "name" in found.needed:
            self.asker.server_name = None
            self.warnings.append("the server refuses the name that was asked for; everything else was asked without a name")
        if "suites" in found.needed and found.offer is not None:
            self._most = max(len(found.offer.suites), FEWEST)
            self.warnings.append(f"the server does not take long lists of cipher suites; it was asked for at most {self._most} at once")
        return found.reason not in ("not-tls", "silence", "unreachable")

    def _bearable(self, asked: Offer) -> Offer:
        """An offer as this server takes it."""
        taken = self.why.offer if self.why else None
        if self.why is None or taken is None:
            return asked
        lists = {part: () for part in ("groups", "schemes", "alpn") if not getattr(taken, part)}
        changed = {part: getattr(taken, part) for part in self.why.needed if part in ("groups", "schemes", "alpn", "shape", "share")}
        return asked._replace(**{**lists, **changed} if taken.shape == "bare" else changed)

    async def _version(self, version: int, first: Answer) -> None:
        found = self.versions[version]
        if version == SSL2:
            await self._oldest(found)
            return
        given = first if first.accepted and first.version == version else None
        if "suites" in self.without:
            await self.asker.carry(found.first_choice(given))
        else:
            await self.asker.carry(found.in_pieces(self._most) if self._most else found.suites(given))
        if version == TLS13 and found.accepted and "groups" not in self.without:
            await self.asker.carry(found.finish("groups"))
            self.group_order = await self.asker.carry(found.group_order())

    async def _oldest(self, found: Elimination) -> None:
        """SSLv2: the server's answer lists what both have, so that one question is enough."""
        answer = await self.asker.ask(found.base)
        if answer.version == SSL2 and answer.suite is not None:
            found.ranked, found.accepted = [answer.suite], {answer.suite}
        else:
            found.refused = Refused(answer.attempt, answer.end, answer.alert)

    async def _hidden(self) -> None:
        """Suites that others were in the way of; the highest version before TLS 1.3 stands for all of them."""
        old = [found for version, found in self.versions.items() if SSL3 < version <= TLS12 and _is_known(found)]
        lead = self.lead or next(iter(old if not self.accepted else ()), None)
        if lead is None or self._most or "suites" in self.without or not await self.asker.carry(lead.hidden()):
            return
        self.warnings.append("the server chooses what it then refuses; its cipher suites were asked by authentication")
        await _together([self.asker.carry(found.by_authentication()) for found in old])

    async def _lists(self) -> None:
        """What the lists besides the suites still have; in TLS 1.3 alone it needs the keys to see it."""
        lead, new = self.lead, self.new
        if lead is None:
            if new is not None:
                await self._hidden_lists(new)
            return
        if new is not None:
            groups, others = lead.pools["groups"], new.pools["groups"].seen
            groups.seen = [*others, *(group for group in groups.seen if group not in others)]
        parts: tuple[Part, ...] = ("schemes", "groups", "alpn")
        for part in [part for part in parts if part not in self.without]:
            await self.asker.carry(lead.finish(part))
        if new is None and "groups" not in self.without:
            self.group_order = await self.asker.carry(lead.group_order())

    async def _hidden_lists(self, new: Elimination) -> None:
        usual = self._usual(new)
        # HAProxy takes its ECDSA certificate only for who offers an ECDSA suite, which TLS 1.3 does not have.
        self.hidden = Elimination(usual._replace(suites=usual.suites + _FOR_CERTIFICATES, alpn=PROTOCOLS))
        self.hidden.accepted = set(usual.suites + _FOR_CERTIFICATES)
        await self.asker.carry(self.hidden.finish("schemes"))
        if "alpn" not in self.without:
            await self.asker.carry(self.hidden.finish("alpn"))

    async def _fallback(self) -> None:
        """Whether a client is stopped that says it fell back although it need not have (RFC 7507)."""
        lower = [version for version in self.accepted[1:] if version >= SSL3]
        if not lower:
            return
        found = self.versions[lower[0]]
        asked = found.base._replace(suites=_in_order(found), fallback=True, purpose=f"{version_name(lower[0])}, as a needless fallback")
        answer = await self.asker.ask(asked)
        self.fallback = True if answer.alert == INAPPROPRIATE_FALLBACK else False if answer.accepted else None

    async def _to_the_end(self) -> None:
        """A handshake to its end, which is also what the right name leads to; then other names, and what can be resumed.

        A server that is asked nothing is waited for at the end of the first, so that what does not depend on it is begun with it.
        """
        found = self.lead or self.new
        if found is None or found.base.shape == "bare" or {"names", "resumption", "client-certificate"} <= self.without:
            return
        asked, request = self._usual(found), self._request()
        tasks = [self._first_to_its_end(found, asked, request)]
        if found.version != TLS13 and "resumption" not in self.without:
            tasks.append(self._resumes(sessions.by_session_id(self.asker, asked, request)))
        await _together(tasks)

    async def _first_to_its_end(self, found: Elimination, asked: Offer, request: bytes) -> None:
        name = self.asker.server_name
        said = f"{version_name(found.version)} to its end" + (f", asked for {name}" if name else ", asked without a name")
        first = await self.asker.attempt(hello(asked, name), said, "finish", request=request)
        if not request and first.completed and self._request():  # a certificate is wanted: whether it is required, only an answer may tell
            await self.asker.attempt(hello(asked, name), f"{said}, and a request", "finish", request=self._request())
        if not self._turned_away(first):
            self.names[0] = sni.asked(sni.Question("none" if name is None else "right", name), first)
        tasks: list[Awaitable[None]] = []
        if "names" not in self.without:
            others = sni.questions(name, f"whytls-{secrets.token_hex(4)}")
            tasks += [self._name(place, question, asked) for place, question in enumerate(others, 1)]
        if "resumption" not in self.without:
            resumed = sessions.new_version if found.version == TLS13 else sessions.by_ticket
            tasks.append(self._resumes(resumed(self.asker, asked, first)))
        await _together(tasks)

    async def _resumes(self, asked: Awaitable[Resumption]) -> None:
        self.resumptions.append(await asked)

    async def _name(self, place: int, question: sni.Question, asked: Offer) -> None:
        said = f"asked for {question.server_name}" if question.server_name else "asked without a name"
        attempt = await self.asker.asked(asked._replace(name=question.server_name, purpose=said))
        if not self._turned_away(attempt):
            self.names[place] = sni.asked(question, attempt)

    def _turned_away(self, attempt: Attempt) -> bool:
        """Whether the attempt may say nothing of the name it asks for: it was met without a word by a server that turns connections away, or
        that does the same to the name which it had accepted all along."""
        if attempt.end not in _WORDLESS or attempt.answer is not None:
            return False
        sent = attempt.handshake.client_hello
        own = sent is not None and sent.server_name == self.asker.server_name
        away = own or 0 not in self.names or self.asker.prober.gate.strain.relieved > 0
        if away:
            self.warnings.append(f"what the server makes of a name was not learned: {_WORDLESS[attempt.end]} (attempt {attempt.number})")
        return away

    async def _new_session(self) -> None:
        """TLS 1.3 to its end and resumed, where an older version is asked for the rest."""
        if self.new is None or self.lead is None or {"resumption", "client-certificate"} <= self.without:
            return
        asked = self._usual(self.new)
        first = await self.asker.attempt(hello(asked, self.asker.server_name), "TLS 1.3 to its end", "finish", request=self._request())
        if not first.completed and first.handshake.certificate_request is None:
            self.warnings.append(f"TLS 1.3 is chosen, but no handshake came to its end (attempt {first.number}: {first.end})")
        await self._resumes(sessions.new_version(self.asker, asked, first))

    def _request(self) -> bytes:
        """What is asked of a server that speaks HTTP: nginx refuses who has no certificate with an answer, and not in the handshake."""
        protocols = set(self._protocols())
        wants = any(attempt.handshake.certificate_request is not None for attempt in self.asker.attempts)
        return sessions.REQUEST if {"http/1.1", "http/1.0"} & protocols or (wants and not protocols) else b""

    def _usual(self, found: Elimination) -> Offer:
        """An offer that this server takes, and with which a handshake can be carried to its end by us."""
        known = [suite for suite in _in_order(found) if _can(suite)]
        more = [suite for suite in found.base.suites if _can(suite) and suite not in known]  # for names that are served otherwise
        suites = tuple(sorted(known, key=lambda suite: suite_facts(suite).key_exchange == "RSA")) + tuple(more)
        groups = tuple(sorted(found.base.groups, key=lambda group: (group != _X25519, group not in found.pools["groups"].seen)))
        alpn = tuple([name for name in ("http/1.1", "http/1.0") if name in self._protocols()])
        return found.base._replace(suites=suites, groups=groups, alpn=alpn, share=True, deep=True)

    def _protocols(self) -> list[str]:
        pools = [found.pools["alpn"] for found in (self.lead, self.hidden) if found is not None]
        return [name for pool in pools for name in pool.seen if isinstance(name, str)]

    # -------------------------------------------------------------- the answer

    def inventory(self, target: str, seconds: float) -> Inventory:
        """What is known, as a value."""
        attempts = self.asker.attempts
        agreed = seen.agreed(attempts)
        founds = [self.versions[version] for version in ALL_VERSIONS if version in self.versions]
        alpn = next((found.pools["alpn"] for found in (self.lead, self.hidden) if found is not None), None)
        return Inventory(
            target,
            str(attempts[0].handshake.server) if attempts else "",
            self.asker.server_name,
            tuple([self._version_found(version) for version in ALL_VERSIONS if version in self.versions or version in self.refused]),
            tuple(dict.fromkeys(value for found in founds for value in found.pools["groups"].seen if isinstance(value, int))),
            self.group_order,
            tuple(dict.fromkeys(v for found in (*founds, self.hidden) if found for v in found.pools["schemes"].seen if isinstance(v, int))),
            tuple(self._protocols()),
            alpn.refused if alpn else None,
            agreed.compression,
            agreed.secure_renegotiation,
            agreed.extended_master_secret,
            self.fallback,
            sessions.merged(self.resumptions),
            seen.certificates(attempts),
            tuple([self.names[place] for place in sorted(self.names)]),
            seen.client_certificate(attempts),
            attempts,
            seconds,
            (*self.warnings, *seen.contradictions(attempts)),
            self.why,
        )

    def _version_found(self, version: int) -> VersionFound:
        found = self.versions.get(version)
        if found is None:
            return VersionFound(version, refused=self.refused[version])
        return VersionFound(version, tuple(found.ranked), found.server_order, found.refused, tuple(sorted(found.dh_bits)))


_WORDLESS = {"reset": "the connection was reset", "closed": "the connection was closed", "silence": "the server said nothing"}


def _is_known(found: Elimination) -> bool:
    """Whether the server may have the version: it accepts something of it, or its refusal does not say that it is the version."""
    return bool(found.accepted) or (found.refused is not None and found.refused.alert not in (None, PROTOCOL_VERSION))


def _in_order(found: Elimination) -> tuple[int, ...]:
    """The accepted suites, in the server's order as far as it is known."""
    return tuple(found.ranked) or tuple([suite for suite in found.base.suites if suite in found.accepted])


def _can(suite: int) -> bool:
    """Whether we can carry a handshake to its end with it, and its certificate is shown."""
    facts = suite_facts(suite)
    usual = facts.cipher.startswith(("AES", "CHACHA20")) and "CCM" not in facts.cipher
    return usual and (facts.tls13 or (facts.key_exchange in ("ECDHE", "DHE", "RSA") and facts.authentication in ("RSA", "ECDSA", "DSS")))


async def _together(tasks: Iterable[Awaitable[object]]) -> None:
    """All of them side by side. One that ends early lets the others come to their end, and then ends this."""
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ends:
        if isinstance(end, BaseException):
            raise end
