"""Settings from the environment: `GIGAWATT_*`, then defaults. Flags of a command go before both."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What most commands need to know; each field is the variable `GIGAWATT_` and its name in capitals."""

    model_config = SettingsConfigDict(env_prefix="GIGAWATT_", frozen=True)

    kafka: str = Field("127.0.0.1:9092", description="HOST:PORT of a Kafka broker")
    clickhouse: str = Field("http://127.0.0.1:8123", description="URL of ClickHouse, with user and password")
    partitions: int = Field(12, ge=1, description="partitions of the samples topic, when it is created")
    replication: int = Field(1, ge=1, description="copies of each topic, when it is created")
    site: str = Field("default", description="data centre or region of this machine")
    fleet: str = Field("default", description="pool that this machine's chips are budgeted in")
