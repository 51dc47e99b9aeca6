"""`python -m ntkviz kernel | spectrum | run`: see `ntkviz.command`."""

import sys

from ntkviz.command.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
