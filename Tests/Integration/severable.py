"""A TCP proxy that can fall silent or cut its connections, as networks do."""

import select
import socket
import threading


class SeverableProxy:
    """Passes bytes between clients and a server of the loopback until it is told otherwise.

    `swallow` is asked about each piece that the server sends; where it says so the piece is lost and the connection cut.
    `lose` is asked the same about what clients send.
    """

    def __init__(self, port):
        self.target = port
        self.silent = False
        self.forgotten = set()
        self.swallow = None
        self.lose = None
        self.pairs = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.carry, args=(client,), daemon=True).start()

    def carry(self, client):
        if self.silent:
            # The connection is taken and never answered.
            self.pairs.append((client, client))
            return
        try:
            server = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            client.close()
            return
        self.pairs.append((client, server))
        try:
            while True:
                for readable in select.select([client, server], [], [], 1)[0]:
                    data = readable.recv(1 << 16)
                    if not data:
                        return
                    if self.silent or client in self.forgotten:
                        continue
                    if readable is server and self.swallow and self.swallow(data):
                        return
                    if readable is client and self.lose and self.lose(data):
                        return
                    (server if readable is client else client).sendall(data)
        except (OSError, ValueError):
            pass
        finally:
            client.close()
            server.close()

    def forget(self, pairs):
        """Ends the silence for all but these connections, which stay open."""
        self.forgotten |= {client for client, _ in pairs}
        self.silent = False

    def heal(self):
        """Ends the connections of the silence; new ones pass."""
        self.silent = False
        self.cut()

    def cut(self):
        pairs, self.pairs = self.pairs, []
        for client, server in pairs:
            for end in {client, server}:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def stop(self):
        self.listener.close()
        self.cut()
