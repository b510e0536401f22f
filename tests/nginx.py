"""A real nginx on loopback before a service, set up as the page on client certificates says."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import httpx
from certificates import Authority
from servers import need
from serving import START_SECONDS_MAX, free_port

PAGE = Path(__file__).parent.parent / "docs" / "operating" / "identity-certificates.md"
FRAME = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/proxied;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{server}
}}
"""


class Nginx:
    """An nginx that runs until the end of the block. `changed`: what of the page's text is replaced by what."""

    def __init__(self, authority: Authority, service_url: str, **changed: str) -> None:
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        certificate, key = authority.signed("proxy")
        server = re.findall(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)[0]
        places = {
            "443": f"127.0.0.1:{self.port}",
            "http://127.0.0.1:8778": service_url,
            "/etc/nginx/placement.pem": str(certificate),
            "/etc/nginx/placement.key": str(key),
            "/etc/nginx/askers.pem": str(authority.certificate),
        }
        for said, meant in (places | changed).items():
            if said not in server:
                raise ValueError(f"the page does not say {said}")
            server = server.replace(said, meant)
        self._server = server

    def __enter__(self) -> Nginx:
        program = need(
            Path(shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/sbin") or ""), "nginx", "nginx"
        )
        self._folder = tempfile.TemporaryDirectory(prefix="ullage-nginx-")
        folder = Path(self._folder.name)
        (folder / "nginx.conf").write_text(FRAME.format(folder=folder, server=self._server))
        command = [str(program), "-p", str(folder), "-c", "nginx.conf", "-e", str(folder / "error.log")]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                httpx.get(self.url, verify=False)
                return self
            except httpx.HTTPError:
                time.sleep(0.05)
        raise RuntimeError(f"nginx did not start:\n{(folder / 'error.log').read_text()}")

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)
        self._folder.cleanup()
