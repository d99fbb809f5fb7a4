"""How the server runs: the address and size come from the settings."""

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
control_socket_disable = True
# X_Forwarded_User is not X-Forwarded-User, whoever sends it.
header_map = "drop"
forwarder_headers = ""
