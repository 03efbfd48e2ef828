"""The part of Grafana's foundation SDK that we use: the models of the classic schema, which every Grafana reads."""

import warnings

with warnings.catch_warnings():
    # The SDK would rather be asked for the next schema.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.variants import Dataquery
    from grafana_foundation_sdk.models import bargauge, common, dashboard, heatmap, stat, table, text, timeseries
    from grafana_foundation_sdk.models.dashboard import Dashboard as Board
    from grafana_foundation_sdk.models.dashboard import DashboardFieldConfigSourceOverrides as Field
    from grafana_foundation_sdk.models.dashboard import DashboardLink as Link
    from grafana_foundation_sdk.models.dashboard import Panel
    from grafana_foundation_sdk.models.dashboard import VariableModel as Variable

__all__ = [
    "Board",
    "Dataquery",
    "Field",
    "JSONEncoder",
    "Link",
    "Panel",
    "Variable",
    "bargauge",
    "common",
    "dashboard",
    "heatmap",
    "stat",
    "table",
    "text",
    "timeseries",
]
