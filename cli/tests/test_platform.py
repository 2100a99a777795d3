"""A running platform, as services and people find it. One for the whole module; what a test kills comes back."""

import base64
import json
import os
import signal
import stat
from pathlib import Path

import asyncpg
import httpx
import pytest
import pytest_asyncio
from confluent_kafka import Producer
from redis.asyncio import Redis

from events.testing import eventually
from viceversa.platform.description import read_description
from viceversa.platform.local import LocalPlatform
from viceversa.platform.process import State
from viceversa.platform.refusal import AlreadyRuns

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("one platform")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_platform(shared_folder, stand_ins):
    async with LocalPlatform(shared_folder, services=stand_ins) as platform:
        yield platform


@pytest_asyncio.fixture(loop_scope="module")
async def platform(one_platform):
    yield one_platform
    await eventually(lambda: all(process.state is State.READY for process in one_platform.processes))


def process_of(platform, name):
    return next(process for process in platform.processes if process.name == name)


async def environment_of(platform, service):
    async with httpx.AsyncClient(trust_env=False) as http:
        return (await http.get(f"{platform.urls[service]}/environment")).json()


def key_in(file):
    return base64.b64decode(Path(file).read_text())


async def epoch_of(platform, service):
    try:
        return (await environment_of(platform, service))["LOG_EPOCH"]
    except httpx.TransportError as error:
        raise AssertionError("the service does not answer") from error


async def test_every_service_has_answered_when_the_platform_is_entered(platform):
    async with httpx.AsyncClient(trust_env=False) as http:
        for url in (*platform.urls.values(), platform.identity_provider):
            assert (await http.get(f"{url}/readyz")).status_code == 200


async def test_platform_json_says_what_runs_where(platform):
    document = json.loads((platform.data / "platform.json").read_text())
    assert document["state"] == "running"
    assert document["broker"] == "local broker"
    assert {name: service["url"] for name, service in document["services"].items()} == platform.urls
    for name, service in document["services"].items():
        os.kill(service["pid"], 0)
        assert service["pid"] == process_of(platform, name).pid
    assert document["databases"] == platform.databases
    assert document["kafka"] == platform.kafka
    assert document["redis"] == platform.redis
    assert document["identity_provider"] == platform.identity_provider


async def test_a_service_can_read_its_own_database(platform):
    connection = await asyncpg.connect(platform.databases["enrollment"])
    assert await connection.fetchval("select current_database() || ' ' || current_user") == "enrollment enrollment"
    await connection.close()


@pytest.mark.parametrize("database", ["matching", "postgres", "template1"])
async def test_a_services_role_cannot_read_anothers_database(platform, database):
    url, _, _ = platform.databases["enrollment"].rpartition("/")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(f"{url}/{database}")


async def test_a_role_without_its_password_is_refused(platform):
    url = platform.databases["enrollment"]
    password = url.split(":")[2].partition("@")[0]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(url.replace(password, "guessed"))


@pytest.mark.parametrize("setting", ["idle_in_transaction_session_timeout", "transaction_timeout"])
async def test_no_role_can_hold_a_transaction_open_for_ever(platform, setting):
    connection = await asyncpg.connect(platform.databases["matching"])
    seconds = await connection.fetchval("select extract(epoch from current_setting($1)::interval)::int", setting)
    await connection.close()
    assert 0 < seconds <= 300


async def test_secrets_are_readable_by_their_owner_alone(platform):
    secrets = [*(platform.data / "keys").iterdir(), platform.data / "platform.json"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}
    assert stat.S_IMODE((platform.data / "keys").stat().st_mode) == 0o700


async def test_each_service_has_a_key_encryption_key_of_its_own_and_two_share_a_transport_key(platform):
    enrollment = await environment_of(platform, "enrollment")
    matching = await environment_of(platform, "matching")
    keys = [key_in(environment["KEY_ENCRYPTION_KEY_FILE"]) for environment in (enrollment, matching)]
    assert [len(key) for key in keys] == [32, 32]
    assert keys[0] != keys[1]
    assert enrollment["TRANSPORT_KEY_FILE"] == matching["TRANSPORT_KEY_FILE"]


async def test_the_broker_makes_topics_of_four_partitions(platform):
    metadata = Producer({"bootstrap.servers": platform.kafka}).list_topics("viceversa.enrollment.v1", timeout=10)
    assert len(metadata.topics["viceversa.enrollment.v1"].partitions) == 4


async def test_redis_hands_a_hint_to_a_subscriber(platform):
    async with Redis.from_url(platform.redis) as redis, redis.pubsub() as subscriber:
        await subscriber.subscribe("hints")
        await eventually(lambda: redis.publish("hints", "committed"), within=5)
        messages = [message async for message in first_message(subscriber)]
    assert messages == [b"committed"]


async def first_message(subscriber):
    async for message in subscriber.listen():
        if message["type"] == "message":
            yield message["data"]
            return


async def test_a_second_platform_on_the_folder_is_refused_and_the_first_goes_on(platform, stand_ins):
    with pytest.raises(AlreadyRuns, match=f"process {os.getpid()}"):
        async with LocalPlatform(platform.data, services=stand_ins):
            pass
    assert read_description(platform.data / "platform.json").state == "running"
    assert await environment_of(platform, "enrollment")


async def test_a_service_that_is_killed_is_started_again_where_it_was(platform):
    matching = process_of(platform, "matching")
    killed, before = matching.pid, matching.restarts
    os.kill(killed, signal.SIGKILL)
    await eventually(lambda: matching.restarts == before + 1 and matching.state is State.READY)
    assert matching.pid != killed
    described = read_description(platform.data / "platform.json").services["matching"]
    assert (described.pid, described.url) == (matching.pid, platform.urls["matching"])
    assert await environment_of(platform, "matching")


async def test_after_a_killed_broker_every_service_starts_again_with_the_new_one_and_a_new_epoch(platform):
    former_address, former_epoch = platform.kafka, await epoch_of(platform, "enrollment")
    os.kill(process_of(platform, "broker").pid, signal.SIGKILL)

    async def all_know_the_new_broker():
        epochs = {await epoch_of(platform, service) for service in platform.urls}
        return len(epochs) == 1 and epochs != {former_epoch}

    await eventually(all_know_the_new_broker)
    assert platform.kafka != former_address
    assert (await environment_of(platform, "matching"))["KAFKA_BOOTSTRAP_SERVERS"] == platform.kafka
    assert read_description(platform.data / "platform.json").kafka == platform.kafka


async def test_a_killed_postgresql_comes_back_with_what_was_committed(platform):
    url = platform.databases["enrollment"]
    connection = await asyncpg.connect(url)
    await connection.execute("create table kept (word text)")
    await connection.execute("insert into kept values ('kept')")
    connection.terminate()
    postgres = process_of(platform, "postgres")
    before = postgres.restarts
    os.kill(postgres.pid, signal.SIGKILL)
    await eventually(lambda: postgres.restarts > before and postgres.state is State.READY)
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("select word from kept") == "kept"
    await connection.close()


async def test_a_killed_redis_comes_back_at_its_address(platform):
    redis = process_of(platform, "redis")
    before = redis.restarts
    os.kill(redis.pid, signal.SIGKILL)
    await eventually(lambda: redis.restarts > before and redis.state is State.READY)
    async with Redis.from_url(platform.redis) as client:
        assert await client.ping()
