"""`python -m alsohere`."""

from alsohere.cli import main

main()
