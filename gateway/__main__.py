"""`python -m gateway`, and the command `chroniccare`."""

from gateway.cli import main

if __name__ == "__main__":
    main()
