"""The command `verify`, which is `python -m verify` too. Ctrl-C ends it quietly while all that it needs is still being imported."""

import sys

INTERRUPTED = 130


def main() -> None:
    """Runs the command and exits with its code."""
    try:
        from verify.cli import main as command

        command()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
