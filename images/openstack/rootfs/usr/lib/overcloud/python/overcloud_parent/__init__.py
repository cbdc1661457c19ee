"""One warm process from which a Python service of many simulated computes is forked.

A service that a compute starts by itself imports a hundred MiB of code that is the same in every compute. Forked from a
process that has imported it already, all of them share these pages. The fork happens across containers: whoever asks on
the parent's socket gets the service as a process of its own container, with that container's files, network, names,
limits, capabilities and output. It is no more the parent's than if the container had started it itself, and goes on when
the parent ends.
"""
