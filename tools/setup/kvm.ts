import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

/** What kind of domain this machine runs, and how we know. */
export interface KvmDecision {
  readonly domainType: "kvm" | "qemu";
  readonly reason: string;
}

/** Runs a command, with a time limit; answers how it ended. */
export type ProbeRunner = (
  command: string,
  args: readonly string[],
  seconds: number,
) => Promise<{ exitCode: number | undefined; timedOut: boolean; output: string }>;

/** What the decision is made from. */
export interface KvmProbe {
  /** Whether /dev/kvm is there, and may be opened by whom we run the probe as. */
  readonly device: "absent" | "forbidden" | "accessible";
  readonly arch: string;
  /** QEMU, if there is one. */
  readonly qemu: string | undefined;
  readonly run: ProbeRunner;
}

const limitSeconds = 10;

/**
 * A boot sector: `mov dx,0xf4; mov al,0x10; out dx,al; hlt; jmp $-1`. The write to QEMU's debug-exit
 * device ends QEMU with (0x10 << 1) | 1.
 */
const bootCode = [0xba, 0xf4, 0x00, 0xb0, 0x10, 0xee, 0xf4, 0xeb, 0xfd];
const expectedExit = 33;

/** The 512 bytes of the guest. */
export function bootSector(): Buffer {
  const sector = Buffer.alloc(512);
  Buffer.from(bootCode).copy(sector);
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

/**
 * Decides by trying: a device file that exists says little. There are machines where it can be opened,
 * and every guest under it hangs.
 */
export async function decideDomainType(probe: KvmProbe): Promise<KvmDecision> {
  if (probe.device === "absent") return { domainType: "qemu", reason: "there is no /dev/kvm" };
  if (probe.device === "forbidden") {
    return {
      domainType: "kvm",
      reason: "not tried: this user may not open /dev/kvm, libvirt's may",
    };
  }
  if (probe.arch !== "x64") {
    return { domainType: "qemu", reason: `the trial guest is for x86-64, this is ${probe.arch}` };
  }
  if (probe.qemu === undefined)
    return { domainType: "qemu", reason: "there is no QEMU to try with" };
  const folder = await mkdtemp(path.join(tmpdir(), "overcloud-kvm-"));
  try {
    const disk = path.join(folder, "boot.img");
    await writeFile(disk, bootSector());
    const args = [
      ...["-accel", "kvm", "-machine", "pc", "-m", "32", "-nodefaults", "-display", "none"],
      ...["-no-reboot", "-boot", "a", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"],
      ...["-drive", `file=${disk},format=raw,if=floppy,readonly=on`],
    ];
    const { exitCode, timedOut, output } = await probe.run(probe.qemu, args, limitSeconds);
    if (exitCode === expectedExit)
      return { domainType: "kvm", reason: "a trial guest ran under it" };
    const detail = timedOut
      ? `a trial guest hung under /dev/kvm for ${limitSeconds} s`
      : `a trial guest did not start under /dev/kvm: ${output.trim().split("\n").at(-1) ?? ""}`;
    return { domainType: "qemu", reason: detail };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
