"""Mends the AMX of the x86 emulator Bochs, of which tools/check-amx fetches one commit: mend_bochs.py FOLDER

FOLDER holds Bochs' cpu/. Bochs is under the LGPL and nothing of it is kept here: an edit names the file, perhaps a
function in it, a word by which lines are known, what we put there, and how many lines that changes. When one of them
does not fit, nothing is written. What is right was taken from Intel's Software Developer's Manual (SDM), not from our
kernels.
"""

import dataclasses
import pathlib
import re
import sys
from typing import Callable


def swap(pattern, text):
    """Puts the text in place of every match in the line."""
    return lambda line: re.sub(pattern, lambda _: text, line)


def before(text):
    return lambda line: f"{text}\n{line}"


def after(text):
    return lambda line: f"{line}\n{text}"


@dataclasses.dataclass
class Edit:
    name: str
    file: str
    function: str | None
    """The beginning of its definition; None: anywhere in the file."""
    line: str
    change: Callable[[str], str]
    lines: int = 1

    def applied(self, lines):
        start, end = 0, len(lines)
        if self.function:
            starts = [at for at, line in enumerate(lines) if re.search(self.function, line)]
            if len(starts) != 1:
                sys.exit(f"Bochs is not mended ({self.name}): {self.file} defines {self.function} {len(starts)} times.")
            start = starts[0]
            end = next((at for at in range(start, end) if lines[at].startswith("}")), end)
        changed = {at: self.change(lines[at]) for at in range(start, end) if re.search(self.line, lines[at])}
        count = sum(lines[at] != line for at, line in changed.items())
        if count != self.lines:
            sys.exit(f"Bochs is not mended ({self.name}): in {self.file}, {count} lines fit instead of {self.lines}.")
        return "\n".join(changed.get(at, line) for at, line in enumerate(lines)).split("\n")


XFD = "BX_CPU_THIS_PTR msr.ia32_xfd"
XFD_ERR = "BX_CPU_THIS_PTR msr.ia32_xfd_error"
TILES = "BX_XCR0_XTILEDATA_MASK"

EDITS = [
    # SDM 2, TDPBSSD and its kin: two letters say how the bytes of the first and of the second source are read, S signed
    # and U unsigned. Here all were unsigned.
    Edit("TDPBSSD", "avx/amx.cc", r"\bDPBDSS\(Bit32u", r"byte\[4\]", swap("Bit8u", "Bit8s"), lines=2),
    Edit("TDPBSUD", "avx/amx.cc", r"\bDPBDSU\(Bit32u", r"xbyte\[4\]", swap("Bit8u", "Bit8s")),
    Edit("TDPBUSD", "avx/amx.cc", r"\bDPBDUS\(Bit32u", r"ybyte\[4\]", swap("Bit8u", "Bit8s")),
    # SDM 2, STTILECFG: VEX.128.66.0F38.W0 49. With W1 the instruction that compilers write was an undefined one.
    Edit("STTILECFG", "decoder/fetchdecode_opmap_avx.cc", None, r"BX_IA_STTILECFG\b", swap("VEX_W1", "VEX_W0")),
    # SDM 2, LDTILECFG: the bytes per row are words from byte 16 on, the rows are bytes from byte 48 on. XSAVE wrote the
    # one in place of the other.
    Edit("saved widths", "xsave.cc", r"::xsave_tilecfg_state\(", r"vmm16u", swap(r"\brows", "bytes_per_row")),
    Edit("saved heights", "xsave.cc", r"::xsave_tilecfg_state\(", r"vmmubyte\(48", swap("bytes_per_row", "rows")),
    # SDM 1, 13.5: TILEDATA is 8192 bytes, eight tiles of 16 rows. Only 8 rows of each went to memory and back.
    Edit("saved rows", "xsave.cc", r"::xsave_tiledata_state\(", r"\brow <", swap("REGISTERS", "MAX_ROWS")),
    Edit("restored rows", "xsave.cc", r"::xrstor_tiledata_state\(", r"\brow <", swap("REGISTERS", "MAX_ROWS")),
    # SDM 1, 13.6: XINUSE is 0 for a component in its initial state, here where no tile is in use. It was the opposite,
    # so XSAVE left out just the tiles that held something.
    Edit("tiles in use", "xsave.cc", None, r"tile_use_tracker ==", swap("== 0.*", "!= 0);")),
    # SDM 2, VSIB: with EVEX, V' is the fifth bit of the index register. It was also taken for part of vvvv, which must
    # name nothing in a gather or scatter, so that indexes 16 to 31 were refused.
    Edit("indexes above 15", "decoder/fetchdecode32.cc", None, r"setSibIndex\(.*vvv", after(
        "      vvv &= 0xf; // the rest is the index's")),
    # SDM 1, 13.14, for all that follows: extended feature disable (XFD), by which Linux grants tiles to who asks. Bochs
    # had no more of it than names. First its two registers, IA32_XFD and IA32_XFD_ERR (SDM 4), 0 after a reset; of the
    # components here only TILEDATA can be disabled, and the other bits may not be written.
    Edit("registers of XFD", "cpu.h", None, r"Bit64u ia32_xss;", after("  Bit64u ia32_xfd, ia32_xfd_error;")),
    Edit("XFD after a reset", "init.cc", None, r"msr\.ia32_xss = 0;", after(f"  {XFD} = 0;\n  {XFD_ERR} = 0;")),
    Edit("reserved bits of XFD", "msr.cc", None, r"msr_desc\[BX_MSR_XSS\]", before(
        f"""#if BX_SUPPORT_AMX
  msr_desc[BX_MSR_IA32_XFD] = new MSR_Descriptor("MSR_IA32_XFD", BX_ISA_AMX, ~Bit64u({TILES}));
  msr_desc[BX_MSR_IA32_XFD_ERROR] = new MSR_Descriptor("MSR_IA32_XFD_ERR", BX_ISA_AMX, ~Bit64u({TILES}));
#endif""")),
    Edit("RDMSR of XFD", "msr.cc", r"BX_CPU_C::rdmsr\(", r"case BX_MSR_XSS:", before(
        f"""    case BX_MSR_IA32_XFD:
      val64 = {XFD};
      break;
    case BX_MSR_IA32_XFD_ERROR:
      val64 = {XFD_ERR};
      break;""")),
    # What is decoded already was decoded for the former value, hence the change of mode.
    Edit("WRMSR of XFD", "msr.cc", r"BX_CPU_C::wrmsr\(", r"case BX_MSR_XSS:", before(
        f"""    case BX_MSR_IA32_XFD:
      {XFD} = val_64;
      handleAvxModeChange();
      break;
    case BX_MSR_IA32_XFD_ERROR:
      {XFD_ERR} = val_64;
      break;""")),
    # SDM 2, CPUID, leaf 0DH: EAX[4] of subleaf 1 says that there is XFD, ECX[2] of a component's subleaf that it obeys.
    Edit("CPUID of XFD", "cpuid.cc", r"::get_std_cpuid_xsave_leaf\(", r"eax \|= \(1<<3\)", after(
        "    if (is_cpu_extension_supported(BX_ISA_AMX))\n      leaf->eax |= (1<<4);")),
    Edit("CPUID of TILEDATA", "crregs.cc", None, r"XTILEDATA_BIT\]\.attr", swap(";", " | BX_XSAVE_XFD_SUPPORT;")),
    # An instruction that needs a disabled component raises #NM, and IA32_XFD_ERR names the component.
    Edit("tiles while disabled", "proc_ctrl.cc", r"::handleAvxModeChange\(", r"XTILECFG_MASK", swap(
        r"\)$", f" ||\n      ({XFD} & {TILES}) != 0)")),
    Edit("#NM for tiles", "proc_ctrl.cc", r"::BxNoAMX\(", r"BX_ASSERT", before(
        f"""  if ({XFD} & {TILES}) {{
    {XFD_ERR} = {TILES};
    exception(BX_NM_EXCEPTION, 0);
  }}
""")),
    # To save a disabled component is to save it as initial; to load it raises #NM, to initialize it is allowed.
    Edit("XSAVE", "xsave.cc", r"::XSAVE\(", r"= get_xinuse_vector", swap(";", f" & ~Bit32u({XFD});")),
    Edit("XSAVEC", "xsave.cc", r"::XSAVEC\(", r"= get_xinuse_vector", swap(";", f" & ~Bit32u({XFD});")),
    Edit("XRSTOR", "xsave.cc", r"::XRSTOR\(", r"Bit32u init_components", before(
        f"""  if (requested_feature_bitmap & restore_mask & {XFD}) {{
    {XFD_ERR} = requested_feature_bitmap & restore_mask & {XFD};
    exception(BX_NM_EXCEPTION, 0);
  }}
""")),
]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    texts = {}
    for edit in EDITS:
        # Some comments are in no encoding, and every byte is something in Latin-1.
        path = folder / "cpu" / edit.file
        lines = texts[path] if path in texts else path.read_bytes().decode("latin-1").split("\n")
        texts[path] = edit.applied(lines)
    for path, lines in texts.items():
        path.write_bytes("\n".join(lines).encode("latin-1"))


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"Bochs is not mended: {error}")
