"""Run the command line from a checkout: ``python cli.py …``."""

from yuxi_gis.cli import main

if __name__ == "__main__":
    main()
