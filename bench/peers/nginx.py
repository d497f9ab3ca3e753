"""nginx as a plain reverse proxy: what forwarding alone costs when it is done in C."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.processes import free_port
from bench.targets import NotToBeHad, Target, listening, same_only

NAME: Final = "nginx"
_CONFIG: Final = """\
daemon off;
master_process off;
pid {home}/pid;
error_log {home}/log error;
worker_rlimit_nofile 65536;
events {{ worker_connections 16384; }}
http {{
  access_log off;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  client_body_buffer_size 1m;
  keepalive_requests 1000000;
  upstream mock {{ server 127.0.0.1:{mock_port}; keepalive 8192; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://mock;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 600s;
    }}
  }}
}}
"""


def _binary() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def version() -> str:
    """What `nginx -v` says; empty where there is none."""
    binary = _binary()
    if binary is None:
        return ""
    ran = subprocess.run([binary, "-v"], capture_output=True, text=True, check=False)
    return ran.stderr.strip().rpartition("/")[2]


@contextmanager
def start(mock_port: int, folder: Path) -> Generator[Target]:
    """One process, keep-alive on both sides, nothing buffered."""
    binary = _binary()
    if binary is None:
        raise NotToBeHad("nginx is not installed: apt-get install nginx-light")
    home = folder / NAME
    home.mkdir()
    port = free_port()
    config = home / "nginx.conf"
    config.write_text(_CONFIG.format(home=home, port=port, mock_port=mock_port), encoding="utf-8")
    command = [binary, "-p", str(home), "-c", str(config)]
    with listening(command, NAME, port, home, same_only) as target:
        yield target
