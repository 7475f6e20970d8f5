"""A local server with real texts. Logs every request, so that a repeated one shows. Usage: server.py FOLDER LOG"""

import http.server
import json
import pathlib
import sys

folder, log = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
texts = {path.name: path for path in sorted(folder.rglob("*.md"), key=lambda path: path.name)}


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, note, body, status=200):
        with log.open("a") as out:
            out.write(note + "\n")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        name = self.path.removeprefix("/texts/")
        if self.path == "/texts":
            self.answer("GET /texts", json.dumps(list(texts)).encode())
        elif name in texts:
            self.answer(f"GET {self.path}", texts[name].read_bytes())
        else:
            self.answer(f"GET {self.path}", b"not here", 404)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.answer(f"POST {self.path} {body}", b"ok")

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
