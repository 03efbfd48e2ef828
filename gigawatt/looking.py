"""What commands that look at a running stack have in common: quiet clients."""

import logging


def quiet_clients() -> None:
    """Keep the clients' own log lines off the screen: what they report comes as an error of ours, in one line."""
    for name in ("kafka", "clickhouse_connect", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
