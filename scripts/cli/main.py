"""The program: which commands there are, loaded when they are called, and how it ends."""

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from io import TextIOWrapper

import click

from scripts.cli.failure import DONE, INTERRUPTED, READER_LEFT, Failure, Usage
from scripts.cli.interrupts import run_to_the_end
from scripts.cli.output import Output

#: Names, the modules below ``commands`` that have them, and what the list of commands says.
SECTIONS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Tasks": {
        "submit": ("submit", "Submit a task"),
        "list": ("list", "List tasks, newest first"),
        "show": ("show", "Show tasks with all there is to know"),
        "watch": ("watch", "Watch tasks until they end"),
        "logs": ("logs", "Show what a task's handler says"),
        "why": ("why", "Say why a task waits, and what it waits for"),
        "cancel": ("change", "Cancel tasks"),
        "retry": ("change", "Run failed tasks again"),
        "update": ("update", "Change tasks that wait"),
        "delete": ("delete", "Delete tasks that have ended, or media"),
        "flow": ("flow", "Show how the tasks of a flow stand"),
        "failures": ("failures", "Show what failed, grouped by cause"),
        "operations": ("operations", "Show what was done to all tasks that matched"),
    },
    "Media": {
        "upload": ("upload", "Upload videos, images, audio files, documents"),
        "download": ("download", "Save videos as MP4 files"),
        "search": ("search", "Find media by what they show or say"),
        "captions": ("captions", "List, add and delete captions of videos"),
        "reprocess": ("reprocess", "Transcode videos again"),
    },
    "Webhooks": {
        "listen": ("listen", "Send webhooks to a program on this machine"),
        "webhooks": ("webhooks", "List and change webhooks"),
    },
    "Operations": {
        "queues": ("queues", "Show every queue"),
        "limits": ("limits", "Show or change the limits of a queue"),
        "pause": ("queues", "Start nothing more of these types"),
        "resume": ("queues", "Go on with paused types"),
        "workers": ("workers", "Show who works, and at what"),
        "drain": ("drain", "Let workers take nothing more"),
        "tenants": ("tenants", "Show or set a tenant's weight and caps"),
        "usage": ("usage", "Show what runs have used, and how quotas stand"),
        "holds": ("holds", "Put work aside, and let it go on"),
        "keys": ("keys", "Make, list, rotate and revoke API keys"),
        "doctor": ("doctor", "Say what stands in the way"),
        "open": ("open", "Print the address of the page"),
        "completion": ("completion", "Complete commands in your shell"),
    },
}
_COMPLETION = "_MINDIA_COMPLETE"
_MODULES = {name: module for section in SECTIONS.values() for name, (module, _) in section.items()}


class _Commands(click.Group):
    """Loads a command's module when it is needed: none of them for ``--help``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _MODULES:
            return None
        module = import_module(f"scripts.cli.commands.{_MODULES[cmd_name]}")
        found: click.Command = getattr(module, f"{cmd_name}_command")
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, words) for name, (_, words) in section.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="mindia-tasks", message="%(version)s")
def mindia() -> None:
    """Tasks from the terminal.

    \b
    mindia upload clip.mp4 --wait       upload a video, see it become a stream
    mindia list --status failed         what went wrong
    mindia why ID                       why it waits
    mindia listen --forward-to http://localhost:3000/hook

    The gateway is that of `make run` on this machine, or the one that MINDIA_URL and MINDIA_KEY name.
    """


def main() -> None:
    """Runs the program on the process' arguments and ends it."""
    if _COMPLETION in os.environ:
        mindia(prog_name="mindia")  # a shell asks for completions; it ends here
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal of another encoding than UTF-8
    run_to_the_end(lambda: run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """The status with which it ends; see ``scripts.cli.failure``."""
    try:
        with mindia.make_context("mindia", arguments) as context:
            mindia.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except BrokenPipeError:
        return _reader_left()
    except (click.Abort, KeyboardInterrupt):
        click.echo(err=True)
        return INTERRUPTED
    except click.ClickException as error:
        return _tell(Usage(_usage(error)), arguments)
    except Failure as failure:
        return _tell(failure, arguments)
    return DONE


def _tell(failure: Failure, arguments: list[str]) -> int:
    Output(as_json="--json" in arguments).failure(failure)
    return failure.status


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    # --help is like everything, and no answer.
    alone = isinstance(error, click.NoSuchOption) and error.possibilities == ["--help"]
    message = error.message if alone else error.format_message()
    return message + (f" See {context.command_path} --help." if context else "")


def _reader_left() -> int:
    """As in ``mindia list | head``. What is still buffered is not written at the end, which would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return READER_LEFT
