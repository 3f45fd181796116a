"""`python -m gateway`, and the command `chroniccare`."""

import gc


def main() -> None:
    """Load the commands, and do the one that was asked for.

    Cost: what is loaded stays as long as the process; the collector, which stops all threads while it looks at every
    object, looks at none of these, neither while they are loaded nor later.
    """
    gc.disable()
    from gateway.cli import main as do  # noqa: PLC0415 - loaded while nobody looks for what could be freed

    gc.freeze()
    gc.enable()
    do()


if __name__ == "__main__":
    main()
