"""serve.py PORT MODULE:FACTORY - a WSGI application on a port, a thread per request. uwsgi's plugin is of another Python."""

import importlib
import socketserver
import sys
from wsgiref import simple_server


class Server(socketserver.ThreadingMixIn, simple_server.WSGIServer):
    daemon_threads = True
    request_queue_size = 1024

    def server_bind(self):
        # The base class would look up the host's name.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]
        self.setup_environ()


class Handler(simple_server.WSGIRequestHandler):
    def address_string(self):
        return self.client_address[0]


port, application = sys.argv[1:3]
module, name = application.split(":")
# The applications read the rest as options of their own.
sys.argv[1:] = []
found = getattr(importlib.import_module(module), name)
with simple_server.make_server("", int(port), found if name == "application" else found(), Server, Handler) as server:
    server.serve_forever()
