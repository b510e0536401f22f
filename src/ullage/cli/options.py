"""The options of `serve`, made from the table of settings, so that there is one text for each."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from ullage.cli import output
from ullage.cli.trouble import Trouble
from ullage.settings import OPTIONS, Option, Settings, SettingsError, environment_variable, load, masked

DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="ADDRESS",
        help="sqlite:///FILE, postgresql://USER:PASSWORD@HOST/NAME or mysql://USER:PASSWORD@HOST/NAME. "
        "Better in the environment, as ULLAGE_DATABASE, if it has a password.",
    ),
]

CONFIG_HELP = "A TOML file with options by name, written with underscores."


def settings(config: Path | None = None, **given: Any) -> Settings:
    """The settings as the file, the environment and the command line say; raises Trouble."""
    overrides = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    database = given.get("database")
    if database and masked(database) != database:
        output.complain(
            "Warning: everybody on this machine can read the password on the command line; put it into the environment "
            "(ULLAGE_DATABASE) or into a file (database_file)."
        )
    for name, value in given.items():
        if value and OPTIONS[name].is_secret and name != "database":
            output.complain(
                f"Warning: everybody on this machine can read {name} on the command line; put it into the environment "
                f"({environment_variable(name)}) or into a configuration file (--config)."
            )
    try:
        return load(config, overrides={name: value for name, value in overrides.items() if value not in (None, ())})
    except SettingsError as error:
        raise Trouble(str(error)) from None


def with_setting_options(
    command: Callable[..., None], names: Iterable[str] = OPTIONS, **more: tuple[Any, Any]
) -> Callable[..., None]:
    """A function for Typer that takes settings as options and calls `command` with the settings made of them.

    `names`: the settings that it takes. `more`: further options by name, each (annotation, default); with any,
    `command` is given them and `config` too.
    """

    def run(config: Path | None = None, **given: Any) -> None:
        further = {name: given.pop(name) for name in more}
        command(settings(config, **given), **({"config": config} | further if more else {}))

    config_option = Annotated[Path | None, typer.Option("--config", metavar="FILE", help=CONFIG_HELP)]
    annotations: dict[str, Any] = {"config": config_option} | {
        name: Annotated[_kind(OPTIONS[name]), _typer_option(name, OPTIONS[name])]
        for name in names
        if OPTIONS[name].is_on_command_line
    }
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(name, keyword, default=None, annotation=kind) for name, kind in annotations.items()]
    parameters += [
        inspect.Parameter(name, keyword, default=default, annotation=kind) for name, (kind, default) in more.items()
    ]
    annotations |= {name: kind for name, (kind, _) in more.items()}
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # Typer reads it
    run.__annotations__ = annotations
    run.__name__ = command.__name__
    run.__doc__ = command.__doc__
    return run


def _kind(about: Option) -> Any:
    return list[str] | None if isinstance(about.default, tuple) else type(about.default) | None


def _typer_option(name: str, about: Option) -> Any:
    flag = f"--{name.replace('_', '-')}"
    declaration = f"{flag}/--no-{flag[2:]}" if isinstance(about.default, bool) else flag
    return typer.Option(declaration, help=f"{about.help}{_ending(about)}", show_default=False)


def _ending(about: Option) -> str:
    parts = [f"one of: {', '.join(about.choices)}"] if about.choices else []
    if isinstance(about.default, bool):
        parts.append(f"default: {'on' if about.default else 'off'}")
    elif about.default not in ("", ()):
        parts.append(f"default: {about.default}")
    return f" ({'; '.join(parts)})" if parts else ""
