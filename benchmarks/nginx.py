"""Debian's nginx twice: as the service behind the gateway, and as the proxy that the gateway is compared with."""

from abc import abstractmethod

from benchmarks.machine import children_of, on_tested_core
from tests.servers.ports import free_port
from tests.servers.process import Server, find_program, port_is_open

SERVICE_ANSWER = (
    '{"order":{"order_id":2026000123456789,"status":"PAID","title":"' + "x" * 200 + '","num":2,"price":"19.90"}}'
)

_FRAME = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_timeout 75s;
    keepalive_requests 1000000000;
    default_type application/json;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {content}
}}
"""


class Nginx(Server):
    """One worker with a configuration of its own."""

    user = "nobody"

    @abstractmethod
    def content(self) -> str:
        """The http block."""

    def command(self, program: list[str]) -> list[str]:
        return program

    def spawn(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.make_folder()
        configuration = self.folder / "nginx.conf"
        configuration.write_text(_FRAME.format(folder=self.folder, content=self.content()))
        self.own(configuration)
        program = [find_program("nginx"), "-c", str(configuration), "-e", str(self.folder / "error.log")]
        self.launch(self.command(program))

    def answers(self) -> bool:
        return port_is_open(self.port)

    @property
    def worker_pids(self) -> list[int]:
        return children_of(self.pid)


class Service(Nginx):
    """Answers every request with 300 bytes of JSON."""

    name = "service"

    def content(self) -> str:
        return f"server {{ listen 127.0.0.1:{self.port}; location / {{ return 200 '{SERVICE_ANSWER}'; }} }}"


class Reference(Nginx):
    """proxy_pass to the service over kept connections, on the core of the process under test."""

    name = "reference"
    service_url: str

    def content(self) -> str:
        address = self.service_url.removeprefix("http://")
        return (
            f"upstream service {{ server {address}; keepalive 256; keepalive_requests 1000000000; }}"
            f"server {{ listen 127.0.0.1:{self.port};"
            'location / { proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection ""; } }'
        )

    def command(self, program: list[str]) -> list[str]:
        return on_tested_core(program)
