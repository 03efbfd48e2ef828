"""Run by test_rights.py: the engine itself, whose one user has the rights of a users' file; JSON in and out."""

import json
import sys

from chdb.state.sqlitelike import Connection


def main(data: str, config: str) -> None:
    connection = Connection(f"{data}?config-file={config}")
    answers = []
    for statements in json.load(sys.stdin):
        try:
            for sql in statements:
                connection.query(sql, "Null")
            answers.append("")
        except RuntimeError as error:
            answers.append(str(error))
    connection.close()
    json.dump(answers, sys.stdout)


main(*sys.argv[1:])
