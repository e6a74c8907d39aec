"""A raw HTTP client: what goes over the socket is exactly what a test says."""


def request(method, path, headers=None, body=b"", close=True):
    head = "%s %s HTTP/1.1\r\nHost: localhost\r\n" % (method, path)
    for key, value in (headers or {}).items():
        head += "%s: %s\r\n" % (key, value)
    if body or method in ("POST", "PUT"):
        head += "Content-Length: %d\r\n" % len(body)
    return (head + ("Connection: close\r\n\r\n" if close else "\r\n")).encode() + body


def read_answer(stream):
    """(status, headers, body) of one answer with a Content-Length; None at the end of the stream."""
    line = stream.readline()
    if not line:
        return None
    status = int(line.split()[1])
    headers = {}
    while True:
        line = stream.readline().rstrip(b"\r\n")
        if not line:
            break
        key, _, value = line.partition(b": ")
        headers[key.decode().lower()] = value.decode("latin-1")
    if status == 100:
        return read_answer(stream)
    return status, headers, stream.read(int(headers.get("content-length", 0)))


def ask(server, method, path, headers=None, body=b"", timeout=20):
    """One request on a connection of its own. HEAD answers have no body to read."""
    with server.connect(timeout) as s:
        s.sendall(request(method, path, headers, body))
        raw = b""
        while True:
            piece = s.recv(65536)
            if not piece:
                break
            raw += piece
    top, _, rest = raw.partition(b"\r\n\r\n")
    lines = top.decode("latin-1").split("\r\n")
    fields = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}
    return int(lines[0].split()[1]), fields, rest
