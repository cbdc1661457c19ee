"""The virt driver of a simulated compute: no guest runs, everything around the guest is real.

Ports are plugged into Open vSwitch and bound by neutron, nova waits for neutron's events, resources are claimed, and
servers move between computes. A subclass of nova's own fake driver.

It runs under nova 20 (train) to 31 (2025.1). What the manager passes to a method differs between them only behind what
the driver uses, so such arguments are handed on as they come.
"""

import os
import time

import eventlet.timeout
from oslo_concurrency import processutils
from oslo_config import cfg
from oslo_log import log as logging

import nova.conf
from nova import exception
from nova.compute import power_state
from nova.virt import fake

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)

GROUP = "simulation"
OPTIONS = [
    cfg.IntOpt("vcpus", default=32, min=1, help="Virtual CPUs that the compute reports."),
    cfg.IntOpt("memory_mb", default=131072, min=1, help="Memory that the compute reports, in MiB."),
    cfg.IntOpt("disk_gb", default=2000, min=1, help="Disk that the compute reports, in GiB."),
    cfg.FloatOpt("boot_delay", default=0.0, min=0.0, help="Seconds that a guest takes to boot once its ports are wired."),
]
CONF.register_opts(OPTIONS, GROUP)

# From 27 (2023.1) on the plain fake driver makes up the identities of its nodes; this one does not.
FakeDriver = getattr(fake, "FakeDriverWithoutFakeNodes", fake.FakeDriver)


class SimulatedDriver(FakeDriver):
    """One node, named as its host, of the size that [simulation] says."""

    capabilities = dict(fake.FakeDriver.capabilities, supports_migrate_to_same_host=False)

    def __init__(self, virtapi, read_only=False):
        self.vcpus = CONF.simulation.vcpus
        self.memory_mb = CONF.simulation.memory_mb
        self.local_gb = CONF.simulation.disk_gb
        super().__init__(virtapi, read_only)

    # -- ports ---------------------------------------------------------------

    def _plug(self, instance, vif):
        if vif["type"] != "ovs":
            raise exception.VirtualInterfacePlugException(
                f"port {vif['id']} is bound as {vif['type']}: no networking agent of this compute is known to neutron")
        bridge = (vif.get("details") or {}).get("bridge_name") or vif["network"]["bridge"] or "br-int"
        port_id = vif.get("ovs_interfaceid") or vif["id"]
        processutils.execute(
            "ovs-vsctl", "--timeout=30", "--", "--may-exist", "add-port", bridge, vif["devname"],
            "--", "set", "Interface", vif["devname"], "type=internal", f'mac="{vif["address"]}"',
            f"external_ids:iface-id={port_id}", "external_ids:iface-status=active",
            f"external_ids:attached-mac={vif['address']}", f"external_ids:vm-uuid={instance.uuid}")

    def _plug_all(self, instance, network_info):
        for vif in network_info or []:
            self._plug(instance, vif)
            self._interfaces[vif["id"]] = vif

    def plug_vifs(self, instance, network_info):
        """Called by the manager for each of its servers when nova-compute starts: takes the server back."""
        self._plug_all(instance, network_info)
        if instance.uuid not in self.instances:
            self._track(instance, instance.power_state)

    def unplug_vifs(self, instance, network_info):
        for vif in network_info or []:
            processutils.execute("ovs-vsctl", "--timeout=30", "--", "--if-exists", "del-port", vif["devname"])
            self._interfaces.pop(vif["id"], None)

    def attach_interface(self, context, instance, image_meta, vif):
        super().attach_interface(context, instance, image_meta, vif)
        self._plug(instance, vif)

    def detach_interface(self, context, instance, vif):
        super().detach_interface(context, instance, vif)
        self.unplug_vifs(instance, [vif])

    # -- servers -------------------------------------------------------------

    def _track(self, instance, state):
        flavor = instance.flavor
        self.resources.claim(vcpus=flavor.vcpus, mem=flavor.memory_mb, disk=flavor.root_gb)
        self.instances[instance.uuid] = fake.FakeInstance(instance.name, state, instance.uuid)

    def _forget(self, instance):
        if self.instances.pop(instance.uuid, None):
            flavor = instance.flavor
            self.resources.release(vcpus=flavor.vcpus, mem=flavor.memory_mb, disk=flavor.root_gb)

    def _plugging_failed(self, event_name, instance):
        LOG.error("neutron reported a failure for %s", event_name, instance=instance)
        if CONF.vif_plugging_is_fatal:
            raise exception.VirtualInterfaceCreateException()

    def spawn(self, context, instance, image_meta, injected_files, admin_password, allocations,
              network_info=None, *args, **kwargs):
        vifs = network_info or []
        events = []
        if CONF.vif_plugging_timeout:
            events = [("network-vif-plugged", vif["id"]) for vif in vifs if vif.get("active", True) is False]
        try:
            with self.virtapi.wait_for_instance_event(
                    instance, events, deadline=CONF.vif_plugging_timeout, error_callback=self._plugging_failed):
                self._plug_all(instance, vifs)
        except eventlet.timeout.Timeout:
            # No Exception by class: unanswered, it would leave the server in BUILD for ever.
            LOG.warning("neutron did not report the ports as wired in time", instance=instance)
            if CONF.vif_plugging_is_fatal:
                self.unplug_vifs(instance, vifs)
                raise exception.VirtualInterfaceCreateException()
        time.sleep(CONF.simulation.boot_delay)
        super().spawn(context, instance, image_meta, injected_files, admin_password, allocations,
                      network_info, *args, **kwargs)

    def destroy(self, context, instance, network_info, block_device_info=None, destroy_disks=True,
                destroy_secrets=True):
        self.unplug_vifs(instance, network_info)
        self._forget(instance)

    def cleanup(self, context, instance, network_info, block_device_info=None, destroy_disks=True,
                migrate_data=None, destroy_vifs=True, destroy_secrets=True):
        if destroy_vifs:
            self.unplug_vifs(instance, network_info)

    def reboot(self, context, instance, network_info, *args, **kwargs):
        self._plug_all(instance, network_info)
        super().reboot(context, instance, network_info, *args, **kwargs)

    def _set_state(self, instance, state):
        if instance.uuid not in self.instances:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        self.instances[instance.uuid].state = state

    def pause(self, instance):
        self._set_state(instance, power_state.PAUSED)

    def unpause(self, instance):
        self._set_state(instance, power_state.RUNNING)

    def suspend(self, context, instance):
        self._set_state(instance, power_state.SUSPENDED)

    def resume(self, context, instance, network_info, block_device_info=None, share_info=None):
        self._set_state(instance, power_state.RUNNING)

    # -- moves: cold ---------------------------------------------------------

    def migrate_disk_and_power_off(self, context, instance, dest, flavor, network_info, block_device_info=None,
                                   timeout=0, retry_interval=0):
        self.unplug_vifs(instance, network_info)
        self._set_state(instance, power_state.SHUTDOWN)
        return "[]"

    def finish_migration(self, context, migration, instance, disk_info, network_info, *args, **kwargs):
        self._plug_all(instance, network_info)
        super().finish_migration(context, migration, instance, disk_info, network_info, *args, **kwargs)

    def finish_revert_migration(self, context, instance, network_info, *args, **kwargs):
        self._plug_all(instance, network_info)
        super().finish_revert_migration(context, instance, network_info, *args, **kwargs)

    # -- moves: live ---------------------------------------------------------

    def pre_live_migration(self, context, instance, block_device_info, network_info, disk_info, migrate_data):
        self._plug_all(instance, network_info)
        return migrate_data

    def post_live_migration(self, context, instance, block_device_info, migrate_data=None):
        self._forget(instance)

    def post_live_migration_at_destination(self, context, instance, *args, **kwargs):
        # Up to 20 the fake driver does not take the server in here.
        if instance.uuid not in self.instances:
            self._track(instance, power_state.RUNNING)

    def post_live_migration_at_source(self, context, instance, network_info):
        self.unplug_vifs(instance, network_info)

    def rollback_live_migration_at_destination(self, context, instance, network_info, block_device_info,
                                               destroy_disks=True, migrate_data=None):
        self.unplug_vifs(instance, network_info)

    # -- the host ------------------------------------------------------------

    def get_available_resource(self, nodename):
        # From 27 on nova reads the node's identity from the same file itself.
        with open(os.path.join(CONF.state_path, "compute_id"), encoding="ascii") as file:
            return dict(super().get_available_resource(nodename), uuid=file.read().strip())

    def get_host_ip_addr(self):
        return CONF.my_ip

    def get_host_uptime(self):
        # The API asks every compute for it in a hypervisor listing and expects what uptime(1) prints.
        output, _ = processutils.execute("env", "LANG=C", "uptime")
        return output
