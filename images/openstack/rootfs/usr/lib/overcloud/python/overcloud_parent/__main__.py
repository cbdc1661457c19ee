"""python3 -m overcloud_parent MODULE SOCKET: imports MODULE, then forks it for whoever asks on SOCKET.

MODULE is one of those beside this package. It has warm(), which imports what the service needs later; settle(), which
puts right in a fork what the import took from the parent's own surroundings; when_started(tell), which has tell called
once the service is at work; and main().

Who asks sends "start" and a line's end and is answered with a line that is the new process's id, as the asking container
sees it. The process holds the connection: when it ends, the connection does.
"""

import collections
import importlib
import os
import signal
import struct
import sys
import time
import traceback

from overcloud_parent import merging, peer, warmth

REQUEST = b"start\n"
SOCKET_OPTION = struct.Struct("3i")  # pid, uid, gid of who connected

# A service that starts keeps a core busy for a good part of a second and has the control plane answer a dozen calls.
STARTING_AT_ONCE = 2 * (os.cpu_count() or 1)
# From then on a service that does not say that it is at work holds up no other.
STARTING_SECONDS = 30


class Parent:
    def __init__(self, module, address):
        from eventlet import patcher

        # The module under the fork has patched the real ones.
        self.socket = patcher.original("socket")
        self.select = patcher.original("select")
        self.module = module
        self.own_pids = os.open("/proc/self/ns/pid", os.O_RDONLY)
        if os.path.exists(address):
            os.unlink(address)
        self.listener = self.socket.socket(self.socket.AF_UNIX, self.socket.SOCK_STREAM)
        self.listener.bind(address)
        self.listener.listen(4096)
        self.asking = {}  # connection by its descriptor, until it has asked
        self.waiting = collections.deque()  # connections that have asked
        self.starting = {}  # when it is given up on, by the pipe that a starting service holds

    def serve(self):
        poll = self.select.poll()
        poll.register(self.listener, self.select.POLLIN)
        while True:
            # Only a service that takes long to start needs a look from time to time.
            for ready, _ in poll.poll(1000 if self.starting else None):
                if ready == self.listener.fileno():
                    connection, _ = self.listener.accept()
                    self.asking[connection.fileno()] = connection
                    poll.register(connection, self.select.POLLIN)
                    continue
                poll.unregister(ready)
                if ready in self.starting:
                    del self.starting[ready]
                    os.close(ready)
                else:
                    self.hear(self.asking.pop(ready))
            now = time.monotonic()
            for pipe in [pipe for pipe, until in self.starting.items() if until < now]:
                poll.unregister(pipe)
                del self.starting[pipe]
                os.close(pipe)
            while self.waiting and len(self.starting) < STARTING_AT_ONCE:
                pipe = self.start(self.waiting.popleft())
                if pipe is not None:
                    self.starting[pipe] = now + STARTING_SECONDS
                    poll.register(pipe, self.select.POLLIN)

    def hear(self, connection):
        """What it can send, it has sent: this process waits for nobody."""
        try:
            asked = connection.recv(len(REQUEST), self.socket.MSG_DONTWAIT)
        except OSError:
            asked = b""
        if asked == REQUEST:
            self.waiting.append(connection)
        else:
            connection.close()

    def start(self, connection):
        """Forks the service for who asked. Returns the pipe that tells when it has started, or ended."""
        with connection:
            credentials = connection.getsockopt(
                self.socket.SOL_SOCKET, self.socket.SO_PEERCRED, SOCKET_OPTION.size)
            pid, _, _ = SOCKET_OPTION.unpack(credentials)
            try:
                handle = os.pidfd_open(pid)
            except OSError:
                return None
            try:
                # Who still holds the connection had this id when the handle was made: it is no later process's.
                if self.is_closed(connection):
                    return None
                told, tell = os.pipe()
                os.setns(handle, os.CLONE_NEWPID)
                if os.fork() == 0:
                    os.close(told)
                    self.become_service(connection, pid, handle, tell)
                os.setns(self.own_pids, os.CLONE_NEWPID)
                os.close(tell)
                return told
            except OSError as error:
                print(f"nothing started for {pid}: {error}", file=sys.stderr, flush=True)
                return None
            finally:
                os.close(handle)

    def is_closed(self, connection):
        try:
            return connection.recv(1, self.socket.MSG_PEEK | self.socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False

    def become_service(self, connection, pid, handle, tell):
        """Runs in the fork, and ends with it."""
        status = 1
        try:
            for mine in [self.listener, *self.waiting, *self.asking.values()]:
                mine.close()
            for pipe in self.starting:
                os.close(pipe)
            os.close(self.own_pids)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            try:
                peer.become(pid, handle)
            except OSError as error:
                # Who asked has ended meanwhile, most likely.
                print(f"nothing started for {pid}: {error}", file=sys.stderr, flush=True)
                return

            import eventlet.hubs

            eventlet.hubs.use_hub()
            connection.send(b"%d\n" % os.getpid())
            self.module.settle()
            self.module.when_started(lambda: os.close(tell))
            self.module.main()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)


def main():
    name, address = sys.argv[1:]
    if os.environ.get("OVERCLOUD_SHARING") == "merged":
        merging.ask()
    began = time.monotonic()
    module = importlib.import_module(name)
    module.warm()
    kept = warmth.keep()
    parent = Parent(module, address)
    # Nobody here asks how a service ended, and the kernel ends a container only when each of its processes is reaped.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    print(f"{name}: warm in {time.monotonic() - began:.1f} s, {len(sys.modules)} modules, {kept} objects kept",
          flush=True)
    parent.serve()


if __name__ == "__main__":
    main()
