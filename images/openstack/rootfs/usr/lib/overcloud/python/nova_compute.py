"""nova-compute of a simulated compute; the distribution's nova-compute package would pull a hypervisor."""

import os
import sys

sys.argv[0] = "nova-compute"

from nova.cmd.compute import main  # noqa: E402  nova derives its program name from argv at import
import nova.virt  # noqa: E402  after eventlet's patches, which the line above applies

# nova looks for drivers in its own package only.
nova.virt.__path__.append(os.path.dirname(os.path.abspath(__file__)))

if __name__ == "__main__":
    main()
