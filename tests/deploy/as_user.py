"""Run by test_clickhouse_users.py: the engine itself, whose one user is that of a users' file; JSON in and out."""

import json
import sys

from chdb.state.sqlitelike import Connection


def main(data: str, config: str) -> None:
    connection = Connection(f"{data}?config-file={config}")
    answers: dict[str, str] = {}
    for sql in json.load(sys.stdin):
        try:
            answers[sql] = str(connection.query(sql, "TSV"))
        except RuntimeError as error:
            answers[sql] = f"failed: {error}"
    connection.close()
    json.dump(answers, sys.stdout)


main(*sys.argv[1:])
