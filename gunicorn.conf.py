"""How the server runs: the address and size come from the settings."""

import sys

from usage.settings import Settings

settings = Settings.from_env()
wsgi_app = "app:create_app()"
bind = f"{settings.host}:{settings.port}"
workers = settings.web_workers
threads = settings.web_threads
worker_class = "gthread"
# Slow clients and long exports are the threads' business, not a reason to end a worker.
timeout = 120
keepalive = 15
# Whoever stores a batch comes back from each statement to a thread that reads the next one. With
# Python's 5 ms that waits twice as long as SQLite takes, and everyone else waits for it.
sys.setswitchinterval(0.001)
control_socket_disable = True
# X_Forwarded_User is not X-Forwarded-User, whoever sends it.
header_map = "drop"
forwarder_headers = ""
