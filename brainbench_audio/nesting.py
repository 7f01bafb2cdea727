"""Tells whether a pickle nests tuples so that reading it would hang or crash the interpreter.

For readers that run nothing a pickle asks for, but cannot keep Python from hashing its keys.
"""

from __future__ import annotations

import pickle
import pickletools
from typing import BinaryIO

_NESTED = 1000  # tables and weights need a few tens


def check_nesting(data: bytes | BinaryIO) -> None:
    """Refuse tuples that hold more than data need, counting what they share each time.

    A tuple that is a key is hashed with all that is in it: for ever where each of 60 tuples holds
    the one before twice, and beyond the end of C's stack where a million are nested.

    Parameters
    ----------
    data : bytes or binary file
        A file is left at the end of the pickle.

    Raises
    ------
    pickle.UnpicklingError
        It holds such tuples.
    ValueError
        It is no pickle.
    """
    stack: list[int] = []  # for each object how many others a tuple holds, else 1
    marks: list[int] = []
    memo: dict[int, int] = {}
    for operation, argument, _ in pickletools.genops(data):
        name, before = operation.name, operation.stack_before
        if name == "MARK":
            marks.append(len(stack))
            continue
        if pickletools.markobject in before:
            start = marks.pop() - before.index(pickletools.markobject)
        elif name == "POP" and marks and marks[-1] == len(stack):
            marks.pop()
            continue
        else:
            start = len(stack) - len(before)
        taken, stack[max(0, start) :] = stack[max(0, start) :], []
        size = 1
        if name.startswith(("TUPLE", "REDUCE", "FROZENSET")):
            size += sum(taken)
        elif name in ("DUP", "MEMOIZE"):
            size = max(taken, default=1)
        elif name.endswith("GET"):
            size = memo.get(int(argument or 0), 1)
        if size > _NESTED:
            raise pickle.UnpicklingError("its tuples are nested too deeply")
        stack += [size] * len(operation.stack_after)
        if name == "MEMOIZE":
            memo[len(memo)] = size
        elif name.endswith("PUT"):
            memo[int(argument or 0)] = stack[-1] if stack else 1
