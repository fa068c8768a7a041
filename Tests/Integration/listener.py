"""What servers of the tests' own have in common."""

import socket
import threading


class Listener:
    """Serves each connection by `_serve`, on a thread of its own, until it is stopped."""

    def __init__(self, backlog=64):
        self.accepted = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
