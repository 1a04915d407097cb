"""What gunicorn, the worker and the flask command load."""

import sys

from config import ConfigError, load
from ticketdesk import create_app, embedded

try:
    settings = load()
    if settings.embedded:
        # Every process that uses the embedded PostgreSQL holds it; it stops when the last one ends.
        embedded.hold(settings.data_dir)
except (ConfigError, embedded.EmbeddedError) as error:
    sys.exit(f"ticketdesk: {error}")

app = create_app(settings)
