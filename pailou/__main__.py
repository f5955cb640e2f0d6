"""`python -m pailou` is the command `pailou`."""

from pailou.cli import main

if __name__ == "__main__":
    main()
