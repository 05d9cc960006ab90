"""The other end of tcp+plain: with nothing but Python's own socket, struct and hashlib.

    peer.py bytes|messages connect|listen PORT LENGTH

Sends LENGTH bytes of its own, half-closes (bytes) or sends an empty message (messages), takes in
what comes until the same mark, and prints the SHA-256 of what it sent and of what it got. `listen`
prints its port first.
"""

import hashlib
import socket
import struct
import sys
import threading

kind, side, port, length = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

if side == "connect":
    peer = socket.create_connection(("127.0.0.1", port))
else:
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    peer, _ = listener.accept()
peer.settimeout(60)

data = bytes((i * 7 + i // 251) % 256 for i in range(1 << 16)) * (length // (1 << 16))
data += b"z" * (length - len(data))


def send():
    if kind == "bytes":
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        return
    at, size = 0, 1
    while at < length:
        part = data[at : at + size]
        peer.sendall(struct.pack(">I", len(part)) + part)
        at += len(part)
        size = size * 3 % 1_000_003
    peer.sendall(struct.pack(">I", 0))


def exactly(n):
    parts = []
    while n > 0:
        part = peer.recv(min(n, 1 << 16))
        if not part:
            raise EOFError("cut short")
        parts.append(part)
        n -= len(part)
    return b"".join(parts)


sending = threading.Thread(target=send)
sending.start()
got = hashlib.sha256()
count = 0
while True:
    if kind == "bytes":
        part = peer.recv(1 << 16)
    else:
        (n,) = struct.unpack(">I", exactly(4))
        part = exactly(n)
    if not part:
        break
    got.update(part)
    count += len(part)
sending.join()
print(hashlib.sha256(data).hexdigest(), got.hexdigest(), count)
