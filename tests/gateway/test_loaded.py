"""What a component has in memory: a literal name until the restart, a reference until it is updated (edge.md 1.4)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import gateway_world as world
from whytls.edge.resources import TlsInfo
from whytls.gateway.environment import Environment, Held, Loaded, Referred, at_rest, entry

LITERAL, REFERENCE = TlsInfo(enabled=True, trust_store="trust"), TlsInfo(enabled=True, trust_store="ref://trust")
WRONG, RIGHT = world.store("trust", 1, root=world.OTHER_ROOT), world.store("trust", 2, root=world.ROOT)


def with_store(info: TlsInfo, port: int) -> Environment:
    return world.environment(port, info, stores={"trust": WRONG})


def mended_in_place(given: Environment) -> Environment:
    return given._replace(stores={**given.stores, "trust": RIGHT})


async def statuses(info: TlsInfo, folder: Path) -> list[int]:
    """Of calls with the wrong store, with one replaced in place, with the reference updated, and after a restart."""
    found = []
    with world.backend(world.server_context(folder)) as backend:
        async with world.plane(with_store(info, backend.port)) as plane:
            found.append((await world.request(plane)).status)
            await plane.update(mended_in_place(plane.environment))
            found.append((await world.request(plane)).status)
            await plane.update(plane.environment._replace(references={**plane.environment.references, "trust": Referred("trust", 9)}))
            found.append((await world.request(plane)).status)
            plane.restart_processor()
            found.append((await world.request(plane)).status)
    return found


def test_a_literal_store_waits_for_the_restart(tmp_path: Path) -> None:
    assert asyncio.run(statuses(LITERAL, tmp_path)) == [503, 503, 503, 200]


def test_a_store_behind_a_reference_waits_for_the_reference_only(tmp_path: Path) -> None:
    assert asyncio.run(statuses(REFERENCE, tmp_path)) == [503, 503, 200, 200]


def test_a_reference_to_another_store_is_followed_at_once(tmp_path: Path) -> None:
    async def run() -> None:
        with world.backend(world.server_context(tmp_path)) as backend:
            given = with_store(REFERENCE, backend.port)
            async with world.plane(given) as plane:
                assert (await world.request(plane)).status == 503
                stores = {**given.stores, "new": world.store("new", 5, root=world.ROOT)}
                changed = given._replace(stores=stores, references={**given.references, "trust": Referred("new", 5)})
                await plane.update(changed)
                assert (await world.request(plane)).status == 200

    asyncio.run(run())


def test_the_router_loads_by_the_same_rules(tmp_path: Path) -> None:
    async def run() -> None:
        expired = world.issue("api.example.test", world.MIDDLE, san=("api.example.test",), **world.EXPIRED)
        given = world.environment(1, None, stores={"front": world.store("front", 1, api=world.own(expired, world.MIDDLE))})
        async with world.plane(given, connect_timeout=0.5) as plane:

            async def works() -> bool:
                try:
                    return (await world.request(plane)).status > 0
                except OSError:
                    return False

            assert not await works()
            good = world.store("front", 2, api=world.own(world.API, world.MIDDLE))
            await plane.update(given._replace(stores={**given.stores, "front": good}))
            assert not await works(), "replaced in place"
            await plane.update(plane.environment._replace(references={**given.references, "front": Referred("front", 2)}))
            assert await works()

    asyncio.run(run())


def test_names_that_lead_nowhere() -> None:
    loaded, given = Loaded(), Environment()
    assert [loaded.store(given, named) for named in ("", "nothing", "ref://nothing", "{ssl.keystore}")] == [None] * 4
    dangling = Environment(references={"r": Referred("gone")})
    assert loaded.store(dangling, "ref://r") is None
    later = replace_stores(dangling)
    assert loaded.store(later, "ref://r") is not None, "what was not there was not loaded"


def replace_stores(given: Environment) -> Environment:
    return given._replace(stores={"gone": world.store("gone", 3, root=world.ROOT)})


def test_an_alias_may_be_left_out_where_there_is_one_key_only() -> None:
    one, two = world.store("s", a=world.own(world.API), b=world.ROOT), world.store("s", a=world.own(world.API), b=world.own(world.BACKEND))
    assert entry(one, "") == one.entries["a"]
    assert entry(two, "") is None
    assert entry(one, "b") is None, "a certificate only"
    assert entry(None, "a") is None


def test_a_key_is_never_shown() -> None:
    held = world.own(world.API)
    assert "key" in repr(held)
    assert world.pkcs8(world.API).hex() not in repr(held)
    assert str(world.pkcs8(world.API)) not in repr(held)


def test_stores_in_the_words_of_the_model_name_keystore_and_alias() -> None:
    stores = at_rest(world.store("ks", me=world.own(world.CLIENT)), "me", world.store("ts", root=world.ROOT))
    assert stores.keystore is not None
    assert stores.keystore.entries[0].place == "keystore ks, alias me"
    assert stores.truststore is not None
    assert stores.truststore.places == ("truststore ts, alias root",)
    assert replace(LITERAL, key_store="x").key_store == "x"
    assert at_rest(world.store("ks", me=Held((world.ROOT.der,))), "me", None).keystore.entries == ()  # type: ignore[union-attr]
