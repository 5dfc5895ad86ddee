"""``mindia completion``"""

import click
from click.shell_completion import get_completion_class

_WHERE = {
    "bash": 'eval "$(mindia completion bash)" in ~/.bashrc',
    "zsh": 'eval "$(mindia completion zsh)" in ~/.zshrc',
    "fish": "mindia completion fish > ~/.config/fish/completions/mindia.fish",
}


@click.command("completion", short_help="Complete commands in your shell")
@click.argument("shell", type=click.Choice(list(_WHERE)))
def completion_command(shell: str) -> None:
    """Print what makes a SHELL complete commands, options, task types and workers.

    \b
    bash:  eval "$(mindia completion bash)"     in ~/.bashrc
    zsh:   eval "$(mindia completion zsh)"      in ~/.zshrc
    fish:  mindia completion fish > ~/.config/fish/completions/mindia.fish
    """
    root = click.get_current_context().find_root().command
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    click.echo(found(root, {}, "mindia", "_MINDIA_COMPLETE").source())
