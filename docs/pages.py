"""Pages of the site that are not written in docs/: documents that lie elsewhere in the repository, and the command line."""

from __future__ import annotations

import re
from inspect import cleandoc
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import click

ROOT = Path(__file__).parent.parent
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "reports/README.md": "reports.md",
    "examples/README.md": "examples.md",
}
"""Where a document of the repository stands on the site. All of docs/ stands where it is."""

COMMANDS = "reference/commands.md"
LINK = re.compile(r'(?<!!)\[((?:[^\[\]`]|`[^`]*`)+)\]\(([^()\s]+)(?: "([^"]*)")?\)')


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages that do not lie in docs/."""
    from mkdocs.structure.files import File

    written = {page: (ROOT / source).read_text(encoding="utf-8") for source, page in PAGES.items()}
    for page, content in (written | {COMMANDS: commands()}).items():
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links as they are right in the repository, as they are right on the site."""
    source = {p: s for s, p in PAGES.items()}.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    return LINK.sub(lambda found: _link(*found.groups(), source=source, page=page.file.src_uri), markdown)


def _link(text: str, target: str, title: str | None, *, source: str, page: str) -> str:
    path, hash_, anchor = target.partition("#")
    there = normpath(PurePosixPath(source).parent / path)
    if "://" in target or not path:
        return f"[{text}]({target})" if title is None else f'[{text}]({target} "{title}")'
    if there in PAGES or there.startswith("docs/"):
        to = PAGES.get(there, there.removeprefix("docs/"))
        return f"[{text}]({relpath(to, PurePosixPath(page).parent)}{hash_}{anchor})"
    if (ROOT / there).exists() and title is not None:
        return f'<abbr title="{there}: {title}">{text}</abbr>'
    if (ROOT / there).exists():
        return text if text.strip("`").rstrip("/").endswith(there.rpartition("/")[2]) else f"{text} (`{there}`)"
    return f"[{text}]({target})"  # leads nowhere: mkdocs says so


def commands() -> str:
    """Every command of `verify` with its arguments and options, as the program itself knows them."""
    from verify.cli import EPILOG, cli

    parts = ["# The command line", f"{cli.help} What `verify --help` says, of every command.", EPILOG]
    for name in cli.list_commands(None):
        parts += _command(f"verify {name}", cli.get_command(None, name))
    return "\n\n".join(parts) + "\n"


def _command(name: str, command: click.Command) -> list[str]:
    """What it says of itself, and what it takes; a group's commands, too."""
    import click

    inner = sorted(command.commands.items()) if isinstance(command, click.Group) else []
    said = [f"## {name}", cleandoc(command.help or ""), *_parameters(command)]
    return said + [part for word, sub in inner for part in _command(f"{name} {word}", sub)]


def _parameters(command: click.Command) -> list[str]:
    import click

    context = click.Context(command)
    arguments = " ".join(p.make_metavar(context) for p in command.params if isinstance(p, click.Argument))
    records = [record for p in command.params if isinstance(p, click.Option) and (record := p.get_help_record(context))]
    cells = [f"| `{written}` | {' '.join(said.split()).replace('|', '&#124;')} |" for written, said in records]
    table = ["\n".join(["| option | |", "|---|---|", *cells])] if cells else []
    return [f"Arguments: `{arguments}`", *table] if arguments else table
