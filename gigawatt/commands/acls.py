"""`gigawatt acls`."""

import click

from gigawatt import options
from schema.acls import Right, commands, named, roles
from schema.kafka_access import KafkaAccess
from schema.terminal import say


@click.command()
@click.argument("given", metavar="[ROLE=PRINCIPAL]...", nargs=-1)
@options.kafka
@click.option("--apply", is_flag=True, help="Grant these rights; --kafka-config must name a super user.")
def command(*, given: tuple[str, ...], kafka: str, access: KafkaAccess, apply: bool) -> None:
    """Show or grant the Kafka rights (ACLs) that each role needs.

    Without arguments, lists the roles. With arguments, prints commands for kafka-acls.sh; with --apply, grants the
    rights itself. Missing rights are added, none are removed. A principal is a user name, or User:CN=... for a
    certificate.

    For example: gigawatt acls producer=edge-7 worker=gigawatt-worker --kafka-config admin.properties --apply
    """
    if not given:
        for role, rights in roles().items():
            for resource, operations in _by_resource(rights).items():
                say(f"{role:<9} {resource:<28} {', '.join(operations)}")
        return
    wanted: dict[str, dict[Right, None]] = {}
    for text in given:
        role, principal = named(text)
        wanted.setdefault(principal, {}).update(dict.fromkeys(roles()[role]))
    if apply:
        _give(wanted, kafka, access)
        return
    for principal, all_rights in wanted.items():
        for line in commands(principal, all_rights, kafka):
            say(line)


def _by_resource(rights: tuple[Right, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for right in rights:
        operation, resource = right.words
        found.setdefault(resource, []).append(operation)
    return found


def _give(wanted: dict[str, dict[Right, None]], kafka: str, access: KafkaAccess) -> None:
    from schema.kafka_acls import AclAdmin  # noqa: PLC0415  the client loads for half a second

    with AclAdmin(kafka, access=access) as admin:
        for principal, rights in wanted.items():
            had = admin.rights_of(principal)
            missing = [right for right in rights if right not in had]
            admin.allow(principal, missing)
            say(f"{principal}: {len(missing)} rights granted, {len(rights) - len(missing)} already present")
            for right in sorted(had - rights.keys()):
                operation, resource = right.words
                say(f"{principal} also has {operation} on {resource}, which none of its roles needs")
