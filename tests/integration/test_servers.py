import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from redis.asyncio import Redis

from integration.servers import Servers


async def test_what_is_sent_to_the_broker_is_received_from_it(servers: Servers):
    async with AIOKafkaProducer(bootstrap_servers=servers.kafka, enable_idempotence=True) as producer:
        await producer.send_and_wait("servers", b"sent")
    async with AIOKafkaConsumer("servers", bootstrap_servers=servers.kafka, auto_offset_reset="earliest") as consumer:
        assert (await consumer.getone()).value == b"sent"


async def test_the_database_and_redis_answer(servers: Servers):
    connection = await asyncpg.connect(servers.postgres)
    assert int(await connection.fetchval("show server_version_num")) >= 170000
    await connection.close()
    async with Redis.from_url(servers.redis) as redis:
        assert await redis.ping()
