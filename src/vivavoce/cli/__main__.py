"""`python -m vivavoce.cli` is the command line."""

from vivavoce.cli import main

if __name__ == "__main__":
    main()
