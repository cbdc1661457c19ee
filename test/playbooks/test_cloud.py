import json
import os
import socket
import struct
import tempfile
import threading
import unittest

from ansible.module_utils.overcloud.cloud import Cloud, CloudError, _failed, errors
from keystoneauth1.session import Session


class Closing:
    """Takes connections and closes each at once, as docker does for an API that is not there."""

    def __init__(self, reset):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.reset = reset
        threading.Thread(target=self.close_all, daemon=True).start()

    def close_all(self):
        while True:
            try:
                connection = self.socket.accept()[0]
            except OSError:
                return
            if self.reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()


class Failures(unittest.TestCase):
    def test_nobody_behind_the_port_is_no_answer_with_tls_and_without(self):
        for scheme in ("http", "https"):
            for reset in (False, True):
                closing = Closing(reset)
                self.addCleanup(closing.socket.close)
                url = "{0}://127.0.0.1:{1}/".format(scheme, closing.port)
                with self.assertRaises(errors.ClientException) as caught:
                    Session(timeout=5).get(url, authenticated=False, connect_retries=0)
                self.assertEqual(_failed("GET", url, caught.exception).kind, "no answer", (scheme, reset))

    def test_who_can_not_be_verified_has_answered(self):
        failed = _failed("GET", "keystone", errors.SSLError("certificate verify failed: unable to get local issuer"))
        self.assertEqual(failed.kind, "SSLError")


class Authority(unittest.TestCase):
    def test_a_missing_certificate_is_one_sentence(self):
        with tempfile.TemporaryDirectory() as folder:
            missing = os.path.join(folder, "ca.pem")
            clouds = os.path.join(folder, "clouds.yaml")
            auth = {"auth_url": "https://127.0.0.1:1/v3", "username": "a", "password": "b", "project_name": "c"}
            with open(clouds, "w", encoding="utf-8") as file:
                json.dump({"clouds": {"lab": {"auth": auth, "cacert": missing, "identity_api_version": 3}}}, file)
            with self.assertRaises(CloudError) as caught:
                Cloud({"clouds_file": clouds, "cloud": "lab", "call_seconds": 5})
        self.assertIn(missing, str(caught.exception))
        self.assertNotIn("\n", str(caught.exception))
