"""What this is and which version."""

from importlib.metadata import version

VERSION = version("alsohere")
