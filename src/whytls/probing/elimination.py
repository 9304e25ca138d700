"""All cipher suites that one version accepts, in the server's order, and with the same questions its groups, signature schemes and protocols.

Theory of operation
-------------------
A server answers a list with its choice. So everything is offered, what was chosen is taken out, and the rest is offered again until it
is refused: one connection for each thing that is accepted, and one for the end. Offers hold all that remains, so what is chosen earlier
ranks higher.

**Lists that others pay for.** An answer chooses in several lists at once: suite, group, signature scheme, protocol. A list that is *open*
is offered without what it already gave, so each question about suites brings a group and a scheme as well. That is not free of danger: a
list that has run dry takes suites with it (no group left: no ECDHE suite; no ECDSA scheme left: no ECDSA suite), and the server then
chooses what ranks lower, or refuses. Two rules keep the result right.

* *What is accepted* is concluded from any answer; *what is refused* only from an answer to full lists, or where every kind of suite that
  was offered was shown to be alive under the shorter ones.
* *What ranks higher* is concluded only against suites that were usable under the lists offered. Suites of one ``Kind`` (key exchange and
  authentication) live and die together. Lists only get shorter; so a kind that is chosen was alive in all questions before. A kind that was
  chosen before and is not chosen now is in doubt, from this question on, until it is chosen again. After two questions in doubt it is asked
  for alone, under the lists as they are. If it answers, it was alive (and the answer was paid for by what it brings). If not, all that was
  ranked in doubt is unranked, goes back into the pool, and the lists that are dry are asked for what they still have and then closed:
  a closed list is offered in full.

What is left open at the end is asked for alone (``finish``). What a server that chooses and then breaks off has chosen is taken out and not
counted.

**Servers that choose blindly.** HAProxy takes its ECDSA certificate for whoever offers any ECDSA suite, also one that it does not have, and then
refuses; GnuTLS chooses PSK where it has no PSK. Such a choice hides what would be left. So when the end is reached, what remains is offered once
more without the authentications that could be in the way (``hidden``), and if that is taken, everything is asked by authentication.

Nothing here sends anything: see ``Dialogue``.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from whytls.probing.offer import Answer, Dialogue, Offer, Part, offer_words, usual, with_list
from whytls.probing.pool import Kind, Pool, kind_of, user
from whytls.probing.result import Refused
from whytls.wire.registry import TLS13, scheme_key_type, version_name

PATIENCE = 2  # questions that are asked before a doubt is settled


class Elimination:
    """What is found of one version; what stands here is true also when the questions end early."""

    def __init__(self, base: Offer, joint: Iterable[Part] = ()) -> None:
        """``base`` offers everything of one version; ``joint`` are the lists that the suites pay for."""
        self.base, self.version = base, base.versions[0]
        open_ones = frozenset(joint)
        self.pools: dict[Part, Pool] = {
            "groups": Pool(base.groups, "groups" in open_ones),
            "schemes": Pool(base.schemes, "schemes" in open_ones),
            "alpn": Pool(base.alpn, "alpn" in open_ones),
        }
        self.ranked: list[int] = []
        self.accepted: set[int] = set()
        self.broken: list[int] = []  # chosen, and then broken off over
        self.refused: Refused | None = None
        self.server_order: bool | None = None
        self.dh_bits: set[int] = set()
        self._left: list[int] = list(base.suites)
        self._chosen: set[Kind] = set()
        self._alive: set[Kind] = set()  # under the lists as they are
        self._doubt: dict[Kind, int] = {}  # since which rank
        self._first_short: int | None = None  # rank at which a list was first offered without something

    @property
    def _needs(self) -> dict[Part, Pool]:
        """The open lists that suites depend on, and that are offered short."""
        return {part: pool for part, pool in self.pools.items() if part != "alpn" and pool.shortened}

    def _depends(self, kind: Kind) -> bool:
        return any(part in self._needs for part in kind.needs(self.version))

    # ------------------------------------------------------------------ the suites

    def suites(self, given: Answer | None = None) -> Dialogue[None]:
        """All suites, and what of the open lists comes along. ``given`` is an answer to the full lists that is there already."""
        yield from self._eliminate(given)
        yield from self._order()
        lost = [suite for suite in self._left if suite in self.accepted]
        if lost:  # accepted before, and now something is in the way: they have no place among the others
            self.ranked += lost
            self.server_order = self.server_order and None

    def first_choice(self, given: Answer | None = None) -> Dialogue[None]:
        """Only what the server chooses of everything."""
        answer = given or (yield self._offer(self._left))
        if not self._accept(answer):
            self.refused = _refused(answer)

    def in_pieces(self, most: int) -> Dialogue[None]:
        """The same with at most ``most`` suites in one offer, for servers that do not read longer lists."""
        pieces = [self.base.suites[start : start + most] for start in range(0, len(self.base.suites), most)]
        yield from self._piecewise(pieces)
        if len(self._left) <= most:
            yield from self._ranked_again()

    def by_authentication(self) -> Dialogue[None]:
        """What is left, each authentication for itself, for servers that choose blindly."""
        pieces: dict[Hashable, list[int]] = {}
        for suite in self._left:
            pieces.setdefault(kind_of(suite).authentication if usual(suite) else kind_of(suite), []).append(suite)
        yield from self._piecewise([tuple(piece) for piece in pieces.values()])
        yield from self._ranked_again()

    def _piecewise(self, pieces: Iterable[tuple[int, ...]]) -> Dialogue[None]:
        """Finds what is accepted piece by piece; all of that is then left to be ranked."""
        for suites in pieces:
            piece = Elimination(self.base._replace(suites=suites))
            yield from piece._eliminate(None)
            self.accepted |= piece.accepted
            self.broken += piece.broken
            self.dh_bits |= piece.dh_bits
            self.refused = piece.refused or self.refused
            for part, pool in piece.pools.items():
                for value in pool.seen:
                    self.pools[part].heard(value)
        self._left = [suite for suite in self.base.suites if suite in self.accepted]
        self.ranked = list(self._left)

    def _ranked_again(self) -> Dialogue[None]:
        """Asks for what is accepted once more, all of it together, for the order."""
        refused, known = self.refused, list(self._left)
        if self.server_order is False:
            return
        self.ranked, self.server_order = [], None
        for pool in self.pools.values():
            pool.open = False
        yield from self._eliminate(None)
        yield from self._order()
        if len(self.ranked) < len(known):  # taken together it hides some of them: there is no order of all
            self.ranked += [suite for suite in known if suite not in self.ranked]
            self.server_order = None
        self.refused = refused

    def hidden(self) -> Dialogue[bool]:
        """Whether there are suites that the server would take, and did not choose while others were offered, too."""
        if self.accepted.intersection(self._left):
            return True
        plain = [suite for suite in self._left if usual(suite)]
        known = {kind_of(suite).authentication for suite in self.accepted}
        in_the_way = known if "RSA" in known else known | {"ECDSA"}
        others = tuple([suite for suite in plain if kind_of(suite).authentication not in in_the_way])
        same = tuple([suite for suite in plain if kind_of(suite).authentication in in_the_way])
        asked = [(others, "without " + ", ".join(sorted(in_the_way)))]
        if self.server_order is not False:  # who takes the client's order had the unusual ones offered behind these
            asked.append((same, "without all other authentications"))
        for suites, words in asked:
            if suites:
                answer = yield self._in_full(suites, f"{offer_words(self.version, suites)}: the rest {words}")
                if answer.accepted and answer.version == self.version:
                    return True
        return False

    def _eliminate(self, given: Answer | None) -> Dialogue[None]:
        while self._left:
            asked = self._offer(self._left)
            answer = given or (yield asked)
            given = None
            if self._accept(answer):
                if any(len(self.ranked) - since >= PATIENCE for since in self._doubt.values()):
                    yield from self._settle()
            elif self.pools["alpn"].shortened and answer.alert == 120:  # no_application_protocol (RFC 7301 section 3.2)
                self._close("alpn", answer)
            elif not (yield from self._refuse(answer)):
                break

    def _accept(self, answer: Answer) -> bool:
        """Ranks what was chosen, if something was."""
        suite = answer.suite
        if not answer.accepted or answer.version != self.version or suite is None or suite not in self._left:
            return False
        self._left.remove(suite)
        self.ranked.append(suite)
        self.accepted.add(suite)
        kind, short = kind_of(suite), bool(self._needs)
        if not short and self._first_short is not None and kind not in self._chosen and kind.authentication == "ECDSA":
            # The lists were closed over another kind. Under the short ones the certificate's curve can have been missing (_curve_wanted): what
            # was ranked then was ranked without these suites.
            self._unrank(self._first_short)
        self._doubt.pop(kind, None)
        self._alive.add(kind)
        if short:
            if self._first_short is None:
                self._first_short = len(self.ranked) - 1
            for other in self._chosen - self._alive:
                if self._depends(other):
                    self._doubt.setdefault(other, len(self.ranked) - 1)
        self._chosen.add(kind)
        self._heard(answer)
        return True

    def _heard(self, answer: Answer) -> None:
        """Takes what was chosen in the other lists out of them."""
        new = [self.pools["groups"].heard(answer.group), self.pools["schemes"].heard(answer.scheme)]
        if any(new):
            self._alive.clear()
        alpn = self.pools["alpn"]
        alpn.ignored = not alpn.heard(answer.alpn) and answer.alpn is None
        if answer.dh_bits:
            self.dh_bits.add(answer.dh_bits)

    def _break(self, answer: Answer) -> bool:
        """Takes out what the server chose and broke off over, under full lists."""
        suite = answer.suite
        if answer.version != self.version or suite is None or suite not in self._left:
            return False
        self._left.remove(suite)
        self.broken.append(suite)
        return True

    def _refuse(self, answer: Answer) -> Dialogue[bool]:
        """After a refusal: whether there is more to ask."""
        alpn = self.pools["alpn"]
        by_protocols = alpn.shortened and not alpn.ignored  # a server that goes on without one does not refuse for it
        if not self._needs and not by_protocols:
            self.refused = _refused(answer)
            return self._break(answer)
        kinds = {kind_of(suite) for suite in self._left}
        if answer.suite is None and not by_protocols and kinds <= self._chosen and (yield from self._all_alive(kinds)):
            self.refused = _refused(answer)
            return False
        again = yield self._in_full(tuple(self._left), f"{self.base.purpose}: the rest, other lists in full")
        if again.suite is not None and again.suite in self._left:
            kind = kind_of(again.suite)  # its lists were dry since it was in doubt; one that was never chosen, since they were short
            since = self._doubt.get(kind) if kind in self._chosen else self._first_short
            wanted = [part for part in self._needs if part in kind.needs(self.version)]
            # With that list short, and no other, it was refused; with the same list in full it is not.
            if len(wanted) == 1 and again.accepted and not by_protocols:
                self._dry(wanted[0], {user(wanted[0], again.suite)}, answer)
            yield from self._close_dry()
            if by_protocols:
                yield from self.finish("alpn")
            if self._unrank(since):
                return True  # it was chosen among what was left then
        if self._accept(again):
            return True
        self.refused = _refused(again)
        return self._break(again)

    # ------------------------------------------------------------------ doubts

    def _settle(self) -> Dialogue[None]:
        """Finds out whether the kinds in doubt were alive; if one was not, what was ranked meanwhile is not ranked."""
        if not (yield from self._all_alive(set(self._doubt))):
            since = min(self._doubt.values())
            yield from self._close_dry()
            self._unrank(since)

    def _all_alive(self, kinds: set[Kind]) -> Dialogue[bool]:
        """Whether each of these kinds, all accepted before, is still accepted under the lists as they are.

        Each answer shortens the lists again, but it was given under those that the doubt is about.
        """
        waiting = {kind for kind in kinds if kind not in self._alive and self._depends(kind)}
        while waiting:
            suites = [suite for suite in self.base.suites if suite in self.accepted and kind_of(suite) in waiting]
            answer = yield self._offer(suites)._replace(alpn=self.base.alpn)
            kind = kind_of(answer.suite) if answer.accepted and answer.suite in suites else None
            if kind is None:
                return False
            waiting.discard(kind)
            self._doubt.pop(kind, None)
            self._heard(answer)
        return True

    def _close_dry(self) -> Dialogue[None]:
        """Asks the lists that suites depend on for what they still have, one after the other, and closes them."""
        for part in tuple(self._needs):
            yield from self.finish(part)

    def _unrank(self, since: int | None) -> bool:
        """Puts back what was ranked since then; whether that was anything."""
        back = set(self.ranked[since:]) if since is not None else set()
        if back:
            if self._first_short is not None and since is not None and since <= self._first_short:
                self._first_short = None  # all of it is ranked anew
            del self.ranked[since:]
            back.update(self._left)
            self._left = [suite for suite in self.base.suites if suite in back]
        self._doubt.clear()
        self._alive.clear()
        return bool(back)

    # ------------------------------------------------------------------ one list alone

    def finish(self, part: Part) -> Dialogue[None]:
        """What one list has besides what is known, asked for alone with the accepted suites that need it; then the list is closed."""
        pool = self.pools[part]
        waiting = [self._users(part)]
        while waiting and not pool.done:
            suites = waiting.pop(0)
            refused = yield from self._exhaust(part, suites)
            if refused is None:
                continue
            users = {user(part, suite) for suite in suites}
            if len(users) == 1:
                self._dry(part, users, refused)
                if part == "schemes" and self.version == TLS13:
                    yield from self._by_key_type(suites)
            else:  # one of them can be in the way of the others
                waiting += [tuple([suite for suite in suites if user(part, suite) == one]) for one in sorted(users, key=str)]
        pool.open = False
        pool.done = pool.done or part == "alpn"

    def _by_key_type(self, suites: tuple[int, ...]) -> Dialogue[None]:
        """Schemes of TLS 1.3 for one type of key at a time: a server may choose its certificate first, and then have no scheme for it."""
        kinds: dict[str, list[int | str]] = {}
        for scheme in self.pools["schemes"].without_seen():
            kinds.setdefault(scheme_key_type(int(scheme)), []).append(scheme)
        for kind in ("rsa", "ecdsa", "ed25519", "rsa-pss"):
            yield from self._exhaust("schemes", suites, frozenset(kinds.get(kind, ())))

    def _exhaust(self, part: Part, suites: tuple[int, ...], among: frozenset[int | str] | None = None) -> Dialogue[Answer | None]:
        """All that these suites find in a list (or in a part of it); the refusal, where it came to that."""
        pool = self.pools[part]
        behind = False  # what is known is offered, too, behind what is not
        while suites and not (part == "alpn" and pool.ignored):
            rest = tuple([value for value in pool.without_seen() if among is None or value in among])
            if not rest:
                break
            purpose = _purpose(part, len(rest), self.version)
            answer = yield with_list(self._in_full(suites, purpose), part, rest + tuple(pool.seen) if behind else rest)
            if not answer.accepted or answer.version != self.version:
                if behind or not self._curve_wanted(part, suites):
                    return answer
                behind = True
                continue
            before = len(pool.seen)
            self._heard(answer)
            if len(pool.seen) > before:
                continue
            if getattr(answer, part.removesuffix("s")) is not None:
                return answer  # what it chose is known: there is no more, or the list means nothing to it
            suites = tuple([suite for suite in suites if suite != answer.suite])  # it goes without
        return None

    def _curve_wanted(self, part: Part, suites: tuple[int, ...]) -> bool:
        """Whether groups that are left out can be the reason of a refusal: an ECDSA certificate needs its curve among them before TLS 1.3.

        A client has what the others rank behind that curve only from a server that follows the client's order.
        """
        known = part == "groups" and self.version < TLS13 and self.pools[part].seen
        return bool(known) and any(kind_of(suite).authentication == "ECDSA" for suite in suites)

    def _users(self, part: Part) -> tuple[int, ...]:
        """The accepted suites for which a list may still hold something."""
        dry = self.pools[part].dry
        needing = [s for s in self.base.suites if s in self.accepted and (part == "alpn" or part in kind_of(s).needs(self.version))]
        return tuple([suite for suite in needing if user(part, suite) not in dry])

    def _dry(self, part: Part, users: set[Hashable], answer: Answer) -> None:
        pool = self.pools[part]
        pool.dry |= users
        if not answer.accepted:
            pool.refused = pool.refused or _refused(answer)

    def _close(self, part: Part, answer: Answer) -> None:
        pool = self.pools[part]
        pool.open, pool.done, pool.refused = False, True, _refused(answer)

    def _order(self) -> Dialogue[None]:
        """Whether the server has an order of its own: asked only where its choices were the first of ours each time."""
        places = {suite: place for place, suite in enumerate(self.base.suites)}
        mine = sorted(self.ranked, key=places.__getitem__)
        if len(mine) < 2:
            return
        if mine != self.ranked:
            self.server_order = True
            return
        turned = tuple(reversed(mine))
        full = self._in_full(turned, f"{version_name(self.version)}, the accepted cipher suites in turned order")
        if self._needs and len({kind_of(suite) for suite in turned}) == 1:  # short lists take all of them or none, so this one brings a group, too
            answer = yield self._offer(turned)._replace(purpose=full.purpose, alpn=full.alpn)
            if answer.accepted:  # a refusal shows nothing of the lists
                self._heard(answer)
        else:
            answer = Answer(0, "")
        if not answer.accepted:
            answer = yield full
        if answer.accepted:
            self.server_order = answer.suite != turned[0]

    def group_order(self) -> Dialogue[bool | None]:
        """Whether the server has an order of groups of its own."""
        seen = [group for group in self.pools["groups"].seen if isinstance(group, int)]
        mine = [group for group in self.base.groups if group in seen]
        suites = tuple([suite for suite in self.base.suites if suite in self.accepted and "groups" in kind_of(suite).needs(self.version)])
        if len(seen) < 2 or not suites:
            return None
        if mine != seen:
            return True
        turned = tuple(reversed(mine))
        rest = tuple([group for group in self.base.groups if group not in seen])  # for the curve of an ECDSA certificate
        answer = yield self._in_full(suites, "the accepted groups in turned order")._replace(groups=turned + rest)
        return answer.group != turned[0] if answer.accepted and answer.group is not None else None

    def _offer(self, suites: Iterable[int]) -> Offer:
        """These suites, with the lists as they are."""
        chosen = tuple(suites)
        asked = self._in_full(chosen, offer_words(self.version, chosen))
        for part, pool in self.pools.items():
            asked = with_list(asked, part, pool.offered())
        return asked

    def _in_full(self, suites: tuple[int, ...], purpose: str) -> Offer:
        return self.base._replace(suites=suites, purpose=purpose)


def _refused(answer: Answer) -> Refused:
    return Refused(answer.attempt, answer.end, answer.alert)


_NAMES: dict[Part, str] = {"groups": "group", "schemes": "signature scheme", "alpn": "application protocol"}


def _purpose(part: Part, count: int, version: int) -> str:
    return f"{version_name(version)}, {count} more {_NAMES[part]}{'s' if count != 1 else ''}"
