"""Strings in a statement that the engine reads as more than strings: what stands in them is looked at like a statement.

`values` and `null` take declarations of columns, whose defaults and aliases are expressions; some functions take the
name of an aggregate function, whose parameters are. To the engine's parser of statements both are only strings, so each
is given to it again. What does not stand there as a string, but comes from elsewhere, nobody can look at.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from local.clickhouse.errors import ACCESS_DENIED, EngineError, refusal
from local.clickhouse.statements import Form, Token

STRUCTURED: Final = frozenset({"values", "sqlstandardvalues", "null"})
"""Table functions whose first argument may be declarations of columns."""
AGGREGATING: Final = frozenset({"arrayreduce", "arrayreduceinranges", "initializeaggregation"})
"""Functions whose first argument is an aggregate function. In small letters, like the others."""
_QUERIES: Final = frozenset({"SELECT", "WITH", "FROM", "EXPLAIN", "SHOW", "DESCRIBE", "DESC", "EXISTS", "VALUES"})

Read = Callable[[str, str, str], Form]
"""Reads a statement that consists of a text, a string as the engine writes it, and another text."""


def check_texts(form: Form, read: Read) -> None:
    """Raise EngineError for a string that holds more than plain columns or an aggregate function with plain numbers.

    Only one with a bracket can call anything.
    """
    for name in sorted(form.applied & AGGREGATING):
        raise _refused(name, "not be called by its name")
    for name, argument in first_arguments(form, STRUCTURED):
        if not _is_data(argument) and not _is_string(argument, read, _declares_plainly):
            raise _refused(name, "begin with a plain list of columns and types, or with plain values")
    for name, argument in first_arguments(form, AGGREGATING):
        if not _is_string(argument, read, _aggregates_plainly):
            raise _refused(name, "begin with an aggregate function in quotes, with numbers as parameters")


def _refused(name: str, must: str) -> EngineError:
    return refusal(ACCESS_DENIED, "ACCESS_DENIED", f"Not enough privileges: {name} must {must}.")


def first_arguments(form: Form, names: frozenset[str]) -> Iterator[tuple[str, Sequence[Token]]]:
    """Give each call of one of these functions, and the tokens of its first argument."""
    tokens = form.tokens
    for at, ((kind, text), (_, after)) in enumerate(pairwise(tokens)):
        if kind in {"word", "name"} and after == "(" and text.lower() in names:
            yield text.lower(), _parts(tokens[at + 2 :])[0]


def _parts(tokens: Sequence[Token]) -> list[list[Token]]:
    """Part a list at its commas, up to the bracket that closes it."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for kind, text in tokens:
        depth += (kind == "open") - (kind == "close")
        if depth < 0:
            break
        if depth == 0 and text == ",":
            parts.append([])
        else:
            parts[-1].append((kind, text))
    return parts


def _is_data(argument: Sequence[Token]) -> bool:
    """Whether it cannot be a string: nothing, a number, or a tuple or list written out."""
    if not argument:
        return True
    (kind, text), *rest = argument
    if text in {"-", "+"} and rest:
        (kind, text), *rest = rest
    if not rest:
        return kind == "other" and text[0].isdigit()
    inner = _parts(rest)
    is_one_group = sum(map(len, inner)) + len(inner) == len(rest) and rest[-1][0] == "close"
    if kind == "word" and text.lower() in {"tuple", "array"}:
        return argument[1][1] == "(" and _is_data(argument[1:])
    if text == "[":
        return is_one_group
    is_query = rest[0][0] == "word" and rest[0][1].upper() in _QUERIES
    return text == "(" and is_one_group and len(inner) > 1 and not is_query


def _is_string(argument: Sequence[Token], read: Read, plainly: Callable[[str, Read], bool]) -> bool:
    if len(argument) != 1 or argument[0][0] != "quoted":
        return False
    literal = argument[0][1]
    if "(" not in literal:
        return True
    try:
        return plainly(literal, read)
    except EngineError:  # it cannot be read
        return False


def _declares_plainly(literal: str, read: Read) -> bool:
    tokens = read("CREATE TABLE t (\n", literal, "\n) ENGINE = Null").tokens
    opened = next(at for at, token in enumerate(tokens) if token[1] == "(")
    return all(map(_is_plain_column, _parts(tokens[opened + 1 :])))


def _is_plain_column(tokens: Sequence[Token]) -> bool:
    """Whether it is a name and a type, such as "`a` Array(String)", and perhaps NULL."""
    kinds = [kind for kind, _ in tokens]
    if kinds[:2] != ["name", "word"]:
        return False
    rest = tokens[2:]
    if rest and rest[0][1] == "(":
        inner = _parts(rest[1:])
        rest = rest[sum(map(len, inner)) + len(inner) + 1 :]
    return [text.upper() for _, text in rest] in ([], ["NULL"], ["NOT", "NULL"])


def _aggregates_plainly(literal: str, read: Read) -> bool:
    """Whether it is a name and numbers. The engine parts them at the first bracket, too, and reads on from there."""
    name, _, parameters = literal[1:].partition("(")
    if not (name.isascii() and name.isidentifier() and parameters.endswith(")'")):
        return False
    read_parameters = read("SELECT [\n", f"'{parameters[:-2]}'", "\n]")
    return all(kind in {"quoted", "other", "open", "close"} for kind, _ in read_parameters.tokens[1:]) and not any(
        text == "(" for _, text in read_parameters.tokens
    )
