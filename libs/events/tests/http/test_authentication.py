"""Where the issuer's keys come from, and how long they count."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from joserfc.jwk import OKPKey

from events.runtime.http.authentication import JwksUrl, KeysUnavailable


class Issuer:
    """A JWKS endpoint that a test turns on and off."""

    def __init__(self) -> None:
        self.asked = 0
        self.status = 200
        self.turn()

    def turn(self) -> None:
        """Another key, in place of the one before."""
        self.key = OKPKey.generate_key("Ed25519", {"kid": f"key-{self.asked}", "use": "sig"})

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        body = json.dumps({"keys": [self.key.as_dict(private=False)]}).encode()
        head = f"HTTP/1.1 {self.status} X\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()


class Watch:
    """A monotonic clock that a test sets."""

    seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
async def issuer() -> AsyncIterator[tuple[Issuer, JwksUrl, Watch]]:
    issuer, watch = Issuer(), Watch()
    async with issuer.listening() as url:
        yield issuer, JwksUrl(url, now=watch), watch


async def kids(keys: JwksUrl, *, fresh: bool = False) -> list[str | None]:
    return [key.kid for key in (await keys.keys(fresh=fresh)).keys]


async def test_keys_are_fetched_once_for_many_requests(issuer: tuple[Issuer, JwksUrl, Watch]):
    endpoint, keys, _ = issuer
    assert await asyncio.gather(*(kids(keys) for _ in range(20))) == [["key-0"]] * 20
    assert endpoint.asked == 1


async def test_unknown_keys_do_not_make_callers_ask_the_issuer_again_and_again(issuer: tuple[Issuer, JwksUrl, Watch]):
    endpoint, keys, watch = issuer
    await keys.keys()
    endpoint.turn()
    for _ in range(20):
        assert await kids(keys, fresh=True) == ["key-0"]
    watch.seconds += 6
    for _ in range(20):
        assert await kids(keys, fresh=True) == ["key-1"]
    assert endpoint.asked == 2


async def test_a_key_that_the_issuer_withdrew_counts_no_longer_after_a_while(issuer: tuple[Issuer, JwksUrl, Watch]):
    endpoint, keys, watch = issuer
    await keys.keys()
    endpoint.turn()
    watch.seconds += 299
    assert await kids(keys) == ["key-0"]
    watch.seconds += 2
    assert await kids(keys) == ["key-1"]


async def test_keys_outlive_an_issuer_that_is_away_for_an_hour_and_no_longer(issuer: tuple[Issuer, JwksUrl, Watch]):
    endpoint, keys, watch = issuer
    await keys.keys()
    endpoint.status = 500
    watch.seconds += 1_000
    assert await kids(keys) == ["key-0"]
    asked = endpoint.asked
    assert await kids(keys, fresh=True) == ["key-0"]
    assert endpoint.asked == asked
    watch.seconds += 3_000
    with pytest.raises(KeysUnavailable):
        await keys.keys()
    endpoint.status = 200
    watch.seconds += 6
    assert await kids(keys) == ["key-0"]


async def test_services_that_start_before_their_issuer_find_its_keys_soon(issuer: tuple[Issuer, JwksUrl, Watch]):
    endpoint, keys, watch = issuer
    endpoint.status = 503
    with pytest.raises(KeysUnavailable):
        await keys.keys()
    endpoint.status = 200
    watch.seconds += 1
    assert await kids(keys) == ["key-0"]


async def test_an_answer_that_is_no_key_set_is_no_key_set(issuer: tuple[Issuer, JwksUrl, Watch]):
    endpoint, keys, _ = issuer
    endpoint.status = 204
    with pytest.raises(KeysUnavailable):
        await keys.keys()
