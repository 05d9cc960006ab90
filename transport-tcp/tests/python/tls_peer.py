"""The other end of tls+plain: with nothing but Python's own ssl, socket, struct and hashlib.

    tls_peer.py connect|listen PORT LENGTH DIRECTORY [OLD]

Sends a 4-byte length and so many bytes of its own, takes in the same from the other end at the same time,
ends TLS in an orderly way, and prints the SHA-256 of what it sent and of what it got. `listen` prints its
port first. DIRECTORY holds ca.pem, me.pem and me.key. With OLD it speaks no TLS newer than 1.2, and prints
what comes of that.
"""

import hashlib
import socket
import ssl
import struct
import sys

side, port, length, directory = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]

purpose = ssl.PROTOCOL_TLS_CLIENT if side == "connect" else ssl.PROTOCOL_TLS_SERVER
context = ssl.SSLContext(purpose)
context.verify_mode = ssl.CERT_REQUIRED
context.load_verify_locations(directory + "/ca.pem")
context.load_cert_chain(directory + "/me.pem", directory + "/me.key")
if len(sys.argv) > 5:
    context.maximum_version = ssl.TLSVersion.TLSv1_2

if side == "connect":
    bare = socket.create_connection(("127.0.0.1", port))
else:
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    bare, _ = listener.accept()
bare.settimeout(60)
try:
    if side == "connect":
        peer = context.wrap_socket(bare, server_hostname="localhost")
    else:
        peer = context.wrap_socket(bare, server_side=True)
except ssl.SSLError as error:
    print("refused:", error.reason, flush=True)
    sys.exit(0)

data = bytes((i * 7 + i // 251) % 256 for i in range(1 << 16)) * (length // (1 << 16))


def exactly(n):
    parts = []
    while n > 0:
        part = peer.recv(min(n, 1 << 16))
        if not part:
            raise EOFError("cut short")
        parts.append(part)
        n -= len(part)
    return b"".join(parts)


# Python's own object is not for two threads at once: turns of a piece each.
peer.sendall(struct.pack(">I", len(data)))
(coming,) = struct.unpack(">I", exactly(4))
got = hashlib.sha256()
for at in range(0, max(len(data), coming), 1 << 16):
    peer.sendall(data[at : at + (1 << 16)])
    got.update(exactly(min(1 << 16, max(0, coming - at))))
# Waits for the other end's orderly end too.
peer.unwrap().close()
print(hashlib.sha256(data).hexdigest(), got.hexdigest(), coming)
