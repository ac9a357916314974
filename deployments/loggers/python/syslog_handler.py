"""Logs with `logging` and its SysLogHandler over TCP, as JSON."""

import os
import socket
from logging.handlers import SysLogHandler

from pythonjsonlogger.json import JsonFormatter

from records import SERVICE, log_records

host, port = os.environ.get("LOGPULSE_SYSLOG", "127.0.0.1:5514").rsplit(":", 1)
handler = SysLogHandler((host, int(port)), socktype=socket.SOCK_STREAM)
handler.ident = f"{SERVICE}[{os.getpid()}]: "
# The handler sends no time.
handler.setFormatter(JsonFormatter(timestamp=True))
log_records(handler)
handler.close()
