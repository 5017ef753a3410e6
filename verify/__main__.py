"""The command `verify`, also run as `python -m verify`. Ctrl-C ends it quietly, even during its imports."""

import gc
import sys

INTERRUPTED = 130


def main() -> None:
    """Runs the command and exits with its code."""
    try:
        from verify import streams
        from verify.commands import early

        streams.prepare()
        early.begin(sys.argv[1:])
        from verify.cli import main as command  # with what reads the command line

        command()
    except (KeyboardInterrupt, RuntimeError) as error:
        from verify.errors import interrupt_in

        if interrupt_in(error) is None:
            raise
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    finally:
        gc.freeze()  # otherwise Python scans everything for garbage at exit, for as long as the imports took


if __name__ == "__main__":
    main()
