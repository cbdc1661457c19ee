"""nova-compute of a simulated compute; the distribution's nova-compute package would pull a hypervisor."""

import os
import socket
import sys

sys.argv[0] = "nova-compute"

from nova.cmd.compute import main  # noqa: E402  nova derives its program name from argv at import
import nova.virt  # noqa: E402  after eventlet's patches, which the line above applies

# nova looks for drivers in its own package only.
nova.virt.__path__.append(os.path.dirname(os.path.abspath(__file__)))

# What nova imports only when it comes to need it; with each comes much more.
LATER = (
    "nova.compute.manager",
    "nova.compute.monitors.cpu.virt_driver",
    "nova.servicegroup.drivers.db",
    "nova.virt.overcloud_simulation",
    "oslo_messaging._drivers.impl_rabbit",
    "oslo_messaging.notify._impl_noop",
    "oslo_log.pipe_mutex",
    "kombu.transport.pyamqp",
    "keystoneauth1.loading._plugins.identity.generic",
    "dogpile.cache.backends.null",
    "os_vif.objects.vif",
    "vif_plug_ovs.ovs",
    "vif_plug_linux_bridge.linux_bridge",
    "vif_plug_noop.noop",
    "_strptime",
    "netrc",
    "encodings.ascii",
)


def warm():
    """Imports what a process that others are forked from should have; see overcloud_parent."""
    import importlib

    from nova import objects
    from nova.conf import CONF

    # How often what is imported does something by itself, it asks the configuration while it is imported.
    CONF([], project="nova")
    for name in LATER:
        importlib.import_module(name)
    objects.register_all()
    # A fork reads the files of its own host.
    CONF.clear()


def settle():
    """A fork has the defaults of its own host, which nova takes when it is imported."""
    from oslo_utils import netutils

    import nova.conf

    sys.argv = ["nova-compute"]
    for option in ("host", "console_host"):
        nova.conf.CONF.set_default(option, socket.gethostname())
    nova.conf.CONF.set_default("my_ip", netutils.get_my_ipv4())


def when_started(tell):
    """Has tell called once the service is known to the cloud and takes calls."""
    from nova import service

    start = service.Service.start

    def start_and_tell(self):
        start(self)
        tell()

    service.Service.start = start_and_tell


if __name__ == "__main__":
    main()
