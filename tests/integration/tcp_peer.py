"""One end of a TCP conversation in a process of its own, driven line by line over standard input;
each command is answered by one line of JSON. Used by the scenarios about connections.

  listen ADDRESS [BACKLOG]      {"port": N, "cookie": N}
  accept                        {"peer": N, "cookie": N}
  connect ADDRESS PORT          {"port": N, "cookie": N} or {"errno": N}
  connect-later ADDRESS PORT    does not wait for the answer
  connect-impatient ADDRESS PORT  gives up after one more try, some seconds
  fork-accept                   a child accepts, says what accept says and its pid, and closes
  send N, receive N             exactly N bytes
  finish                        shuts down the sending side
  receive-end                   reads until the peer has finished
  close, close-listener         {}
  udp ADDRESS PORT              sends a datagram from a connected UDP socket
  exit                          ends the process, its sockets still open
"""

import json
import os
import socket
import sys

SO_COOKIE = 57


class Peer:
    def __init__(self):
        self.listener = None
        self.connection = None

    @staticmethod
    def family(address):
        return socket.AF_INET6 if ":" in address else socket.AF_INET

    @staticmethod
    def cookie(sock):
        return int.from_bytes(sock.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8), sys.byteorder)

    def listen(self, address, backlog="8"):
        self.listener = socket.socket(self.family(address), socket.SOCK_STREAM)
        self.listener.bind((address, 0))
        self.listener.listen(int(backlog))
        return {"port": self.listener.getsockname()[1], "cookie": self.cookie(self.listener)}

    def accept(self):
        self.connection, peer = self.listener.accept()
        return {"peer": peer[1], "cookie": self.cookie(self.connection)}

    def fork_accept(self):
        pipe, child_end = os.pipe()
        pid = os.fork()
        if not pid:
            answer = self.accept()
            self.connection.close()
            os.write(child_end, json.dumps(answer).encode())
            os._exit(0)
        os.close(child_end)
        with os.fdopen(pipe) as file:
            answer = json.load(file)
        os.waitpid(pid, 0)
        return {"pid": pid, **answer}

    def connect_impatient(self, address, port):
        return self.connect(address, port, impatient=True)

    def connect(self, address, port, impatient=False):
        self.connection = socket.socket(self.family(address), socket.SOCK_STREAM)
        if impatient:
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 1)
        cookie = self.cookie(self.connection)
        try:
            self.connection.connect((address, int(port)))
        except OSError as error:
            return {"errno": error.errno, "cookie": cookie}
        return {"port": self.connection.getsockname()[1], "cookie": cookie}

    def connect_later(self, address, port):
        self.connection = socket.socket(self.family(address), socket.SOCK_STREAM)
        self.connection.setblocking(False)
        return {"errno": self.connection.connect_ex((address, int(port))),
                "port": self.connection.getsockname()[1], "cookie": self.cookie(self.connection)}

    def send(self, count):
        self.connection.sendall(b"x" * int(count))
        return {}

    def receive(self, count):
        left = int(count)
        while left:
            data = self.connection.recv(min(left, 1 << 16))
            if not data:
                return {"missing": left}
            left -= len(data)
        return {}

    def receive_end(self):
        count = 0
        while data := self.connection.recv(1 << 16):
            count += len(data)
        return {"bytes": count}

    def finish(self):
        self.connection.shutdown(socket.SHUT_WR)
        return {}

    def close(self):
        self.connection.close()
        return {}

    def close_listener(self):
        self.listener.close()
        return {}

    def udp(self, address, port):
        with socket.socket(self.family(address), socket.SOCK_DGRAM) as sock:
            sock.connect((address, int(port)))
            sock.send(b"datagram")
        return {}

    def exit(self):
        os._exit(0)


def main():
    peer = Peer()
    print(json.dumps({"pid": os.getpid()}), flush=True)
    for line in sys.stdin:
        name, *arguments = line.split()
        print(json.dumps(getattr(peer, name.replace("-", "_"))(*arguments)), flush=True)


if __name__ == "__main__":
    main()
