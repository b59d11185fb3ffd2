"""`python -m auvseg` is the command line."""

from auvseg.cli import main

if __name__ == "__main__":
    main()
