"""The command `verify`, which is `python -m verify` too. Ctrl-C ends it quietly while all that it needs is still being imported."""

import gc
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
    finally:
        gc.freeze()  # else Python looks for garbage in all that is loaded before it ends, for as long as it took to import


if __name__ == "__main__":
    main()
