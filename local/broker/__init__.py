"""A Kafka broker on this machine without Docker: Apache Kafka, or Tansu where Kafka cannot be had."""

from local.broker.choose import Kind, prepare
from local.broker.running import Broker

__all__ = ["Broker", "Kind", "prepare"]
