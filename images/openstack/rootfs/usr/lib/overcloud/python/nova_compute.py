"""nova-compute of a simulated compute; the distribution's nova-compute package would pull a hypervisor."""

import sys

sys.argv[0] = "nova-compute"

from nova.cmd.compute import main  # noqa: E402  nova derives its program name from argv at import

if __name__ == "__main__":
    main()
