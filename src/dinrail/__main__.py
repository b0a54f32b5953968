"""`python -m dinrail` is the same program as `dinrail`."""

from dinrail.cli.main import main

if __name__ == "__main__":
    main()
