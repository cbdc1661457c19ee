"""neutron's Open vSwitch agent, with its privileged calls in the same process.

The container's processes are root with named capabilities already: a privilege-separation daemon would add
nothing but a second Python per compute.
"""

import sys

from oslo_privsep import priv_context

sys.argv[0] = "neutron-openvswitch-agent"


class InProcessContext(priv_context.PrivContext):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.set_client_mode(False)


priv_context.PrivContext = InProcessContext

from neutron.cmd.eventlet.plugins.ovs_neutron_agent import main  # noqa: E402  after the context class is replaced

# What the agent imports only when it comes to need it; with each comes much more. The application is first: what it
# imports asks for the applications that it needs by who imports it.
LATER = (
    "neutron.plugins.ml2.drivers.openvswitch.agent.openflow.native.ovs_oskenapp",
    "neutron.services.logapi.drivers.openvswitch.log_oskenapp",
    "oslo_messaging._drivers.impl_rabbit",
    "oslo_messaging.notify._impl_noop",
    "oslo_log.pipe_mutex",
    "kombu.transport.pyamqp",
    "_strptime",
    "encodings.ascii",
)


def warm():
    """Imports what a process that others are forked from should have; see overcloud_parent."""
    import importlib

    for name in LATER:
        importlib.import_module(name)


def settle():
    """A fork has the defaults of its own host, which neutron takes when it is imported."""
    from neutron.common import config
    from neutron_lib.utils import net
    from oslo_config import cfg

    sys.argv = ["neutron-openvswitch-agent"]
    config.register_common_config_options()
    cfg.CONF.set_default("host", net.get_hostname())


def when_started(tell):
    """Has tell called once the agent is at work."""
    from neutron.plugins.ml2.drivers.openvswitch.agent import ovs_neutron_agent

    loop = ovs_neutron_agent.OVSNeutronAgent.daemon_loop

    def tell_and_loop(self):
        tell()
        loop(self)

    ovs_neutron_agent.OVSNeutronAgent.daemon_loop = tell_and_loop


if __name__ == "__main__":
    main()
