"""Keeps what a process has in memory from being written to by its forks, as far as Python lets one."""

import ctypes
import gc
import sys

# What CPython 3.12 and 3.13 never count up or down, in the lower half of an object's counter.
IMMORTAL = 0xFFFFFFFF
KNOWN_VERSIONS = ((3, 12), (3, 13))


def keep():
    """
    Takes all objects out of garbage collection, which would write to each of them, and ends the counting of references
    to them, which does so at every use. Objects that live as long as the process don't need either.
    Returns how many there are; 0 where this Python counts in another way than is known here.
    """
    gc.collect()
    count = _immortalise() if sys.version_info[:2] in KNOWN_VERSIONS else 0
    gc.collect()
    gc.freeze()
    return count


def _immortalise():
    addresses = set()
    found = gc.get_objects()
    own = {id(addresses)}
    # The collector knows containers alone; what is in them is found level by level.
    while found:
        fresh = {address: each for address, each in zip(map(id, found), found)
                 if address not in addresses and address not in own}
        addresses.update(fresh)
        found = gc.get_referents(*fresh.values())
        own.update((id(fresh), id(found)))
    del fresh, found
    for address in addresses:
        ctypes.c_uint32.from_address(address).value = IMMORTAL
    return len(addresses)
