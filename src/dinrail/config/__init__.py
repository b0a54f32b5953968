"""The one TOML document. Each package declares its own section; this room joins them and reports all faults at once."""

import os

# A program that runs as root loads no plug-ins of other packages; looking for them also costs a third of the start.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
