"""A very small assembler for the classic BPF programs that seccomp takes.

Source: Linux ``Documentation/userspace-api/seccomp_filter.rst``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

__all__ = ["Program", "argument_low", "errno_verdict"]

LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
JUMP_IF_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
JUMP_IF_GREATER_OR_EQUAL = 0x35  # BPF_JMP | BPF_JGE | BPF_K
JUMP_IF_SET = 0x45  # BPF_JMP | BPF_JSET | BPF_K
RETURN = 0x06  # BPF_RET | BPF_K

ALLOW = 0x7FFF_0000
KILL_PROCESS = 0x8000_0000
_ERRNO = 0x0005_0000

NUMBER_OFFSET = 0
ARCHITECTURE_OFFSET = 4
_ARGUMENTS_OFFSET = 16
_LONGEST = 4096  # BPF_MAXINSNS


def errno_verdict(code: int) -> int:
    """Return the verdict "fail with this errno"; 0 makes the call a silent success that does nothing."""
    return _ERRNO | code


def argument_low(index: int) -> int:
    """Return the offset of the low 32 bits of an argument (little-endian machines)."""
    return _ARGUMENTS_OFFSET + 8 * index


class Program:
    """Instructions in order. Jumps are relative and only forward, as the kernel demands."""

    def __init__(self) -> None:
        self._instructions: list[tuple[int, int, int, int]] = []

    def __len__(self) -> int:
        """Return the number of instructions."""
        return len(self._instructions)

    @property
    def instructions(self) -> tuple[tuple[int, int, int, int], ...]:
        """The instructions: operation, jump if true, jump if false, constant."""
        return tuple(self._instructions)

    def add(self, operation: int, constant: int, if_true: int = 0, if_false: int = 0) -> None:
        """Append one instruction."""
        for jump in (if_true, if_false):
            if not 0 <= jump <= 255:
                raise ValueError(f"a jump of {jump} instructions does not fit in 8 bits")
        self._instructions.append((operation, if_true, if_false, constant & 0xFFFF_FFFF))

    def extend(self, other: Program) -> None:
        """Append another program's instructions."""
        self._instructions.extend(other._instructions)

    def for_call(self, number: int, body: Program) -> None:
        """Append "if the system call is ``number``, run ``body``"; the number is loaded before and after.

        A body that does not return for every input falls through to what follows.
        """
        skipped = len(body) + 1  # the reload below is skipped too: nothing else was loaded
        self.add(JUMP_IF_EQUAL, number, 0, skipped)
        self.extend(body)
        self.add(LOAD, NUMBER_OFFSET)

    def verdict_for_calls(self, numbers: Iterable[int], verdict: int) -> None:
        """Append "if the system call is one of ``numbers``, answer ``verdict``"."""
        ordered = sorted(set(numbers))
        for start in range(0, len(ordered), 200):
            chunk = ordered[start : start + 200]
            for position, number in enumerate(chunk):
                # True jumps to the RETURN at the chunk's end; the last false one jumps over it.
                last = position == len(chunk) - 1
                self.add(JUMP_IF_EQUAL, number, len(chunk) - 1 - position, 1 if last else 0)
            self.add(RETURN, verdict)

    def assemble(self) -> bytes:
        """Return the program as the kernel reads it: 8 bytes for each instruction.

        Raises:
            ValueError: longer than the kernel accepts, or empty.

        """
        if not 0 < len(self._instructions) <= _LONGEST:
            raise ValueError(f"{len(self._instructions)} instructions; 1 to {_LONGEST} are possible")
        return b"".join(struct.pack("=HBBI", op, yes, no, k) for op, yes, no, k in self._instructions)


def run(program: Program, data: bytes) -> int:
    """Interpret a program over a ``seccomp_data`` record, as the kernel would; for tests and for reasoning.

    Args:
        program: what to run.
        data: 64 bytes: number, architecture, instruction pointer, six arguments.

    Returns:
        The verdict.

    """
    position, accumulator = 0, 0
    instructions = program.instructions
    while True:
        operation, if_true, if_false, constant = instructions[position]
        position += 1
        if operation == LOAD:
            accumulator = struct.unpack_from("=I", data, constant)[0]
        elif operation == RETURN:
            return constant
        else:
            taken = {
                JUMP_IF_EQUAL: accumulator == constant,
                JUMP_IF_GREATER_OR_EQUAL: accumulator >= constant,
                JUMP_IF_SET: bool(accumulator & constant),
            }[operation]
            position += if_true if taken else if_false
