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

if __name__ == "__main__":
    main()
