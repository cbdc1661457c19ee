import os
import unittest

from overcloud_parent import peer


class ControlGroups(unittest.TestCase):
    def test_are_one_folder_per_controller_in_version_1(self):
        text = "9:name=systemd:/docker/ab\n4:memory:/docker/ab\n2:cpu,cpuacct:/docker/ab\n"
        self.assertEqual(peer.parse_cgroups(text, "/host"),
                         ["/host/systemd/docker/ab", "/host/memory/docker/ab", "/host/cpu,cpuacct/docker/ab"])

    def test_are_one_folder_in_all_in_version_2(self):
        self.assertEqual(peer.parse_cgroups("0::/system.slice/docker-ab.scope\n", "/host"),
                         ["/host/system.slice/docker-ab.scope"])

    def test_may_have_colons_in_their_names(self):
        self.assertEqual(peer.parse_cgroups("0::/a:b\n", "/host"), ["/host/a:b"])

    def test_are_the_root_where_a_process_is_in_none(self):
        self.assertEqual(peer.parse_cgroups("0::/\n", "/host"), ["/host"])


class Environment(unittest.TestCase):
    def test_is_what_the_process_was_started_with(self):
        self.assertEqual(peer.parse_environment(b"A=1\0B=x=y\0C=\0\0"), {"A": "1", "B": "x=y", "C": ""})

    def test_may_hold_what_is_no_text(self):
        self.assertEqual(peer.parse_environment(b"A=\xff\0"), {"A": os.fsdecode(b"\xff")})


class Status(unittest.TestCase):
    def test_has_the_capabilities_and_whether_new_ones_are_ruled_out(self):
        text = ("Name:\tsh\nCapInh:\t0000000000000000\nCapPrm:\t00000000a88435fb\nCapEff:\t00000000a88435fb\n"
                "CapBnd:\t00000000a88435ff\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\n")
        sets, no_new_privileges = peer.parse_status(text)
        self.assertEqual(sets, {"CapInh": 0, "CapPrm": 0xA88435FB, "CapEff": 0xA88435FB, "CapBnd": 0xA88435FF})
        self.assertTrue(no_new_privileges)

    def test_of_this_process_can_be_read(self):
        with open("/proc/self/status", encoding="utf-8") as file:
            sets, _ = peer.parse_status(file.read())
        self.assertEqual(sets["CapEff"] & ~sets["CapBnd"], 0)


if __name__ == "__main__":
    unittest.main()
