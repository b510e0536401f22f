"""`ullage token`: make, list and revoke API tokens, straight in the database."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import typer

from ullage.cli import output
from ullage.cli.options import DatabaseOption, settings
from ullage.cli.trail import time_text
from ullage.cli.trouble import Trouble
from ullage.model.token import ApiToken, misfit

DAYS_MAX = 3650
DAY_US = 86_400 * 1_000_000

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Make, list and revoke API tokens.")


@app.command("create")
def create_token(
    user: Annotated[str, typer.Option("--user", metavar="USER", help="Who asks with it.")],
    role: Annotated[
        list[str] | None, typer.Option("--role", metavar="ROLE", help="What it may do, by policy; may be repeated.")
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project", metavar="PROJECT", help="The project that it asks for.")
    ] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=DAYS_MAX, help="How long it holds.")] = 90,
    database: DatabaseOption = None,
) -> None:
    """Make a token and print it: once, since only its SHA-256 is kept.

    The service takes it as X-Auth-Token or as `Authorization: Bearer`, if `tokens` is among the schemes of its
    setting `auth`.

    \b
        ullage token create --user nova --role service --days 365 --database sqlite:///ullage.db
    """
    from ullage.cli.admin import create_token as create

    roles = frozenset(each.lower() for each in role or ())
    wrong = misfit(user, project, roles)
    if wrong is not None:
        raise Trouble(wrong)
    expires_us = time.time_ns() // 1000 + days * DAY_US
    made, text = create(settings(database=database), user, project, roles, expires_us)
    output.complain(f"made token {made.id}, which holds until {time_text(expires_us)}; it is not shown again:")
    output.say(text)


@app.command("list")
def list_tokens(
    database: DatabaseOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show all tokens but what makes them secret; expired ones too, until they are revoked.

    \b
        ullage token list --database sqlite:///ullage.db
    """
    from ullage.cli.admin import every_token

    now_us = time.time_ns() // 1000
    for token in every_token(settings(database=database).database):
        shown = _shown(token, now_us)
        output.say(json.dumps(shown) if as_json else _as_text(shown))


@app.command("revoke")
def revoke_token(
    number: Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="As `ullage token list` shows it.")],
    database: DatabaseOption = None,
) -> None:
    """Forget a token. Every worker refuses it before `token_seconds_max` seconds have passed.

    \b
        ullage token revoke 3 --database sqlite:///ullage.db
    """
    from ullage.cli.admin import revoke_token as revoke

    gone = revoke(settings(database=database), number)
    if gone is None:
        raise Trouble(f"there is no token {number}")
    output.say(f"Token {number} of {json.dumps(gone.user)} is revoked.")


def _shown(token: ApiToken, now_us: int) -> dict[str, Any]:
    return {
        "number": token.id,
        "user": token.user,
        "project": token.project,
        "roles": sorted(token.roles),
        "created": time_text(token.created_us),
        "expires": time_text(token.expires_us),
        "expired": token.expires_us <= now_us,
    }


def _as_text(shown: dict[str, Any]) -> str:
    project = "no project" if shown["project"] is None else f"project {json.dumps(shown['project'])}"
    roles = f"roles {', '.join(shown['roles'])}" if shown["roles"] else "no roles"
    ends = f"{'expired' if shown['expired'] else 'until'} {shown['expires']}"
    return f"{shown['number']}: {json.dumps(shown['user'])}, {project}, {roles}, {ends}"
