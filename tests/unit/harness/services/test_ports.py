"""Ports for services: whose they are."""

import socket
from typing import cast

import psutil

from harness.processes.process import Process
from harness.services.ports import serves


class _Program:
    """A process whose program is this one."""

    def child_tree(self) -> list[psutil.Process]:
        """The program."""
        return [psutil.Process()]


class _Ended:
    """A process whose program has ended."""

    def child_tree(self) -> list[psutil.Process]:
        """None is left."""
        return []


def test_a_port_is_served_by_the_program_that_listens_on_it_and_by_no_other() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as bound:
        port = int(server.getsockname()[1])
        assert serves(cast(Process, _Program()), port)
        assert not serves(cast(Process, _Ended()), port)
        bound.bind(("127.0.0.1", 0))  # and does not listen
        assert not serves(cast(Process, _Program()), int(bound.getsockname()[1]))
    assert not serves(cast(Process, _Program()), port)


def test_a_client_of_a_port_does_not_serve_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert not serves(cast(Process, _Program()), int(client.getsockname()[1]))
