"""By what names Grafana knows what is ours: in dashboards, in rules, in provisioning files and when publishing."""

from typing import Final

FOLDER_UID: Final = "gigawatt"
"""Of the folder that `push` makes; one that alerting files make has another."""
FOLDER_TITLE: Final = "Gigawatt"
TAG: Final = "gigawatt"
"""Every dashboard of ours has it."""

RUNBOOKS_UID: Final = "gigawatt-runbooks"
"""The board of the runbooks, to which every alert links."""

DATA_SOURCE_UID: Final = "gigawatt-clickhouse"
DATA_SOURCE_NAME: Final = "Gigawatt ClickHouse"
DATA_SOURCE_TYPE: Final = "grafana-clickhouse-datasource"
DATA_SOURCE_USER: Final = "grafana"
"""ClickHouse's user that may only read."""
