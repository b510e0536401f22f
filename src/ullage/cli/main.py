"""The command line: `ullage COMMAND`. An error is one sentence on the standard error and an exit status."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Annotated

import typer

from ullage import __version__, logs
from ullage.cli import output, tokens, trail
from ullage.cli.expand import Plan, expand
from ullage.cli.fleet import FleetError, read
from ullage.cli.load import LoadError, Tally, Target, load
from ullage.cli.options import DatabaseOption, settings, with_setting_options
from ullage.cli.trouble import Trouble
from ullage.settings import Settings

FAILED = 1
NOT_CHECKED = 2

app = typer.Typer(
    name="ullage",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="""Knows what every provider offers, what is taken and what is left, and hands it out exactly once.

It speaks the OpenStack Placement API. The shortest way to see it work:

\b
    ullage load examples/fleet.yaml --database sqlite:///ullage.db
    ullage serve --database sqlite:///ullage.db --auth noauth2
    curl -H 'x-auth-token: admin' http://127.0.0.1:8778/resource_providers
""",
)
database_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look after a database.")
app.add_typer(database_app, name="db")

audit_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look into the audit trail.")
app.add_typer(audit_app, name="audit")
app.add_typer(tokens.app, name="token")

policy_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look at the policy rules.")
app.add_typer(policy_app, name="policy")
POLICY_OPTIONS = ("policy_file", "enforce_scope", "enforce_new_defaults")


def serve(chosen: Settings) -> None:
    """Answer requests until told to stop.

    Makes or upgrades the schema first. Every option can also stand in the environment, in capitals after ULLAGE_, or
    in a file. What the command line says goes first, then the environment, then the file.

    \b
        ullage serve --database sqlite:///ullage.db --port 8778
        ULLAGE_DATABASE=postgresql://ullage:secret@db/ullage ullage serve --workers 4
        ullage serve --config /etc/ullage.toml
    """
    from ullage.cli.admin import serve as run

    run(chosen)


app.command("serve")(with_setting_options(serve))


def review(chosen: Settings, config: Path | None, url: str | None, output_format: str, fail_on: str) -> None:
    """Look at a deployment as a careful buyer would, and say what to do.

    Takes the options that the service is started with, reads and asks, and changes nothing. Exits with 0 if no fault is
    as bad as --fail-on says, else with 11 (low), 12 (medium), 13 (high) or 14 (critical) for the worst; with 1 if it
    could not look.

    \b
        ullage review --config /etc/ullage.toml --url http://127.0.0.1:8778
        ULLAGE_DATABASE=postgresql://ullage:secret@db/ullage ullage review --format sarif > review.sarif
    """
    from ullage.cli.review import review as run

    printed, status = run(chosen, config, url, output_format, fail_on)
    output.say(printed)
    if status:
        raise typer.Exit(status)


app.command("review")(
    with_setting_options(
        review,
        url=(Annotated[str | None, typer.Option("--url", metavar="URL", help="Where the service answers.")], None),
        output_format=(Annotated[str, typer.Option("--format", help="text, json, sarif or md.")], "text"),
        fail_on=(Annotated[str, typer.Option("--fail-on", help="low, medium, high or critical.")], "medium"),
    )
)


@app.command("load")
def load_fleet(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A fleet in YAML, or, named .json, in JSON.")],
    database: DatabaseOption = None,
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="Load over HTTP into the service that answers here.")
    ] = None,
    token: Annotated[
        str | None, typer.Option("--token", metavar="TOKEN", envvar="ULLAGE_TOKEN", help="The token for --url.")
    ] = None,
) -> None:
    """Make providers and consumers as a fleet file says.

    What the file names becomes as it says, what it does not name is left alone; loading it again changes nothing. The
    whole file is checked before anything is written.

    \b
        ullage load fleet.yaml --database sqlite:///ullage.db
        ullage load fleet.yaml --url http://127.0.0.1:8778 --token admin
    """
    if url is not None and database is not None:
        raise Trouble("either --database or --url says where to load it, not both")
    plan = _plan(file)
    if url is None:
        from ullage.cli.admin import database_target

        with database_target(settings(database=database).database) as target:
            tally = _loaded(file, plan, target)
    else:
        from ullage.cli.client import Client

        if not token:
            raise Trouble("--url needs a token: --token, or ULLAGE_TOKEN in the environment")
        with Client(url, token) as target:
            tally = _loaded(file, plan, target)
    output.say(f"Loaded {file}: {output.described(tally)}.")


@app.command("check")
def check_database(database: DatabaseOption = None) -> None:
    """Prove that the ledger agrees with itself.

    Reads everything in one snapshot, beside a running service if there is one, and names every breach of the laws
    "never overcommitted" and "sums agree". Exits with 0 if they hold, 1 if not, 2 if the database could not be read.

    \b
        ullage check --database sqlite:///ullage.db
    """
    from ullage.cli.admin import findings

    try:
        breaches, notes = findings(settings(database=database).database)
    except Trouble as trouble:
        output.complain(str(trouble))
        raise typer.Exit(NOT_CHECKED) from None
    for sentence in (*breaches, *(f"Note: {note}" for note in notes)):
        output.say(sentence)
    if breaches:
        output.complain(f"{len(breaches)} breach{'es' if len(breaches) > 1 else ''} of the laws")
        raise typer.Exit(FAILED)
    output.say("The laws hold.")


@database_app.command("upgrade")
def upgrade_database(database: DatabaseOption = None) -> None:
    """Make the schema, or bring it up to date, with the standard resource classes and traits.

    `ullage serve` does this by itself. Safe on several hosts at once.

    \b
        ullage db upgrade --database sqlite:///ullage.db
    """
    from ullage.cli.admin import upgrade

    upgrade(settings(database=database).database)
    output.say("The database is up to date.")


HeadOption = Annotated[
    list[str] | None,
    typer.Option("--head", metavar="WRITER:SEQUENCE:HASH", help="A row that the log told of; may be repeated."),
]
LogOption = Annotated[
    list[Path] | None,
    typer.Option("--log", metavar="FILE", help="A log that told of rows, all of which must be there; may be repeated."),
]
UnauditedOption = Annotated[
    list[int] | None,
    typer.Option("--unaudited", metavar="WRITER", help="A writer that is known to have kept no trail."),
]


@audit_app.command("verify")
def verify_audit(
    database: DatabaseOption = None,
    head: HeadOption = None,
    log: LogOption = None,
    unaudited: UnauditedOption = None,
) -> None:
    """Prove that nothing was taken from the audit trail, put into it or changed.

    Follows every chain from its beginning to where its writer stands. Give it the log, which is kept elsewhere, or the
    newest heads from it: only they show the loss of what nobody has written after, and a chain that was made anew.
    Exits with 0 only if the trail is whole, with 1 if not, with 2 if the database could not be read.

    \b
        ullage audit verify --database sqlite:///ullage.db --log /var/log/ullage.log
        ullage audit verify --database sqlite:///ullage.db --head 3:1207:9f86d081884c7d659a2feaa0c55ad015...
    """
    from ullage.cli.admin import audit_faults

    heads = trail.heads(head or (), log or ())
    try:
        faults, notes = audit_faults(settings(database=database).database, heads, unaudited or ())
    except Trouble as trouble:
        output.complain(str(trouble))
        raise typer.Exit(NOT_CHECKED) from None
    for sentence in (*faults, *(f"Note: {note}" for note in notes)):
        output.say(sentence)
    if faults:
        output.complain(f"the audit trail is not whole: {len(faults)} fault{'s' if len(faults) > 1 else ''}")
        raise typer.Exit(FAILED)
    output.say("The audit trail is whole.")


@audit_app.command("prune")
def prune_audit(
    before: Annotated[str, typer.Option("--before", metavar="TIME", help="Like 2026-01-31T12:00, UTC.")],
    database: DatabaseOption = None,
    head: HeadOption = None,
    log: LogOption = None,
    unaudited: UnauditedOption = None,
) -> None:
    """Remove the rows of the audit trail from before a time, so that what is left can still be verified.

    Archive them before that. The trail and the log are told where each chain was cut. The newest row of each chain
    stays. Nothing is removed if the trail is not whole. Needs a role that may delete rows of `audit`, which the
    service's should not.

    \b
        ullage audit show --until 2026-01-31 --json --database sqlite:///ullage.db > trail-until-2026-01-31.json
        ullage audit prune --before 2026-01-31 --database sqlite:///ullage.db
    """
    from ullage.cli.admin import prune_audit as prune

    heads = trail.heads(head or (), log or ())
    rows, chains = prune(settings(database=database).database, trail.time_us(before), heads, unaudited or ())
    output.say(
        f"Removed {rows} rows of the audit trail, in {chains} of its chains." if rows else "Nothing is that old."
    )


@audit_app.command("show")
def show_audit(
    database: DatabaseOption = None,
    subject: Annotated[
        str | None, typer.Option("--subject", metavar="NAME", help="A uuid or name that the entries change or mention.")
    ] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="USER", help="Who asked.")] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="TIME", help="Like 2026-01-31T12:00, UTC.")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Before this time.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show who changed what, in order of time.

    \b
        ullage audit show --database sqlite:///ullage.db --user admin --since 2026-01-31
    """
    from ullage.cli.admin import audit_entries

    between = (0 if since is None else trail.time_us(since), None if until is None else trail.time_us(until))
    for entry in audit_entries(settings(database=database).database, *between):
        if trail.is_wanted(entry, subject, user):
            output.say(trail.as_json(entry) if json else trail.as_text(entry))


def show_policy(chosen: Settings, config: Path | None, rule: str | None, as_json: bool) -> None:
    """Show who may do what: every policy rule as it is in force, what it replaces, and which routes ask it.

    Takes the options of the service that choose its rules. What the file says that cannot be meant (a rule that no
    route asks, a reference to a rule that there is not) is told, and the exit status is 1 then.

    \b
        ullage policy show --policy-file /etc/ullage/policy.yaml
        ullage policy show --rule placement:usages
    """
    from ullage.cli.policy import show  # oslo.policy takes half a second to import

    if not show(chosen, rule, as_json=as_json):
        raise typer.Exit(FAILED)


policy_app.command("show")(
    with_setting_options(
        show_policy,
        POLICY_OPTIONS,
        rule=(Annotated[str | None, typer.Option("--rule", metavar="NAME", help="This rule alone.")], None),
        as_json=(Annotated[bool, typer.Option("--json", help="One JSON object a line.")], False),
    )
)


@app.command("version")
def version() -> None:
    """Say which Ullage this is."""
    output.say(f"ullage {__version__}")


def main() -> None:
    """The console script."""
    # what a command writes to the audit trail is told here as a service tells it to its log
    logs.configure("warning", output.Lines(), records="INFO")
    try:
        app()
    except Trouble as trouble:
        output.complain(str(trouble))
        sys.exit(FAILED)


def _plan(file: Path) -> Plan:
    gc.disable()  # what is read here is all kept, and has no cycles; looking for some takes longer than the reading
    try:
        return expand(read(file))
    except FleetError as error:
        raise Trouble(f"{file}: {FleetError(error.path, error.problem)}") from None
    finally:
        gc.freeze()  # nor need later collections look at it
        gc.enable()


def _loaded(file: Path, plan: Plan, target: Target) -> Tally:
    try:
        with output.Bars() as bars:
            return load(plan, target, bars)
    except LoadError as error:
        raise Trouble(f"{file}: {error}\nBefore that: {output.described(error.tally)}.") from None
