from confluent_kafka.admin import AdminClient

from viceversa.platform.broker import start_mock_cluster_by_setting


def test_where_librdkafka_hides_its_functions_the_documented_setting_starts_the_broker():
    keeper, address = start_mock_cluster_by_setting()
    brokers = AdminClient({"bootstrap.servers": address}).list_topics("some.topic", timeout=10).brokers
    assert [f"{broker.host}:{broker.port}" for broker in brokers.values()] == [address]
    del keeper
