"""``python -m calsync`` is the command ``calsync``."""

from calsync.cli.main import main

if __name__ == "__main__":
    main()
