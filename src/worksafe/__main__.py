"""``python -m worksafe``."""

from worksafe.cli.main import main

main()
