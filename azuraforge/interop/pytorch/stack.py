"""The pickle machine without its power: it builds containers and numbers, and calls nothing.

Where a pickle names a function or a class, the machine makes a `Named`; what a call of one means is
for `build` to say, which knows a handful by name. Everything else is refused.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

from azuraforge.errors import DataError, RefusedError

MARK = object()


@dataclass(frozen=True)
class Named:
    """Something of a module that a pickle speaks of, not looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


Build = Callable[[Named, tuple[Any, ...]], Any]
Stored = Callable[[Any], Any]

CONSTANTS = {
    "NONE": None, "NEWTRUE": True, "NEWFALSE": False, "MARK": MARK, "EMPTY_TUPLE": (),
}  # fmt: skip
EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_SET": set}
LITERALS = frozenset(
    """
    INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING SHORT_BINSTRING BINSTRING
    UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8
    """.split()
)


def unpickled(stream: IO[bytes], build: Build, stored: Stored, where: str) -> Any:
    """The object that one pickle describes; the stream stands behind it then.

    `build` gives what a call of a name stands for, `stored` what a persistent id does.

    Raises: RefusedError for a name or an operation that is not allowed; DataError for a pickle
            that is cut short or makes no sense.
    """
    machine = _Machine(build, stored, where)
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            if opcode.name == "STOP":
                return machine.pop()
            machine.do(opcode.name, argument)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{where}: the pickle in it makes no sense ({error})") from error
    raise DataError(f"{where}: the pickle in it is cut short")


class _Machine:
    def __init__(self, build: Build, stored: Stored, where: str) -> None:
        self._made, self._stored, self._where = build, stored, where
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def pop(self) -> Any:
        return self._stack.pop()

    def do(self, name: str, argument: Any) -> None:
        """Do one operation. Raises: RefusedError for one that no file of tensors needs."""
        if name in CONSTANTS:
            self._stack.append(CONSTANTS[name])
        elif name in EMPTY:
            self._stack.append(EMPTY[name]())
        elif name in LITERALS:
            self._stack.append(argument)
        else:
            method = getattr(self, f"_{name.lower()}", None)
            if method is None:
                raise RefusedError(
                    f"{self._where}: its pickle uses {name}, which is refused; files of tensors, "
                    "numbers and text need no such thing"
                )
            method(argument)

    def _marked(self) -> list[Any]:
        """What is on the stack above the last mark."""
        items = []
        while (item := self._stack.pop()) is not MARK:
            items.append(item)
        return items[::-1]

    def _proto(self, _: Any) -> None:
        """Any version will do."""

    def _frame(self, _: Any) -> None:
        """Frames are for readers that read ahead."""

    def _pop(self, _: Any) -> None:
        self._stack.pop()

    def _pop_mark(self, _: Any) -> None:
        self._marked()

    def _dup(self, _: Any) -> None:
        self._stack.append(self._stack[-1])

    def _memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _put(self, place: int) -> None:
        self._memo[place] = self._stack[-1]

    _binput = _long_binput = _put

    def _get(self, place: int) -> None:
        self._stack.append(self._memo[place])

    _binget = _long_binget = _get

    def _tuple(self, _: Any) -> None:
        self._stack.append(tuple(self._marked()))

    def _tuple1(self, _: Any) -> None:
        self._stack[-1:] = [tuple(self._stack[-1:])]

    def _tuple2(self, _: Any) -> None:
        self._stack[-2:] = [tuple(self._stack[-2:])]

    def _tuple3(self, _: Any) -> None:
        self._stack[-3:] = [tuple(self._stack[-3:])]

    def _list(self, _: Any) -> None:
        self._stack.append(self._marked())

    def _dict(self, _: Any) -> None:
        items = self._marked()
        self._stack.append(dict(zip(items[::2], items[1::2], strict=True)))

    def _append(self, _: Any) -> None:
        item = self._stack.pop()
        self._of(list).append(item)

    def _appends(self, _: Any) -> None:
        items = self._marked()
        self._of(list).extend(items)

    def _additems(self, _: Any) -> None:
        items = self._marked()
        self._of(set).update(items)

    def _setitem(self, _: Any) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._of(dict)[key] = value

    def _setitems(self, _: Any) -> None:
        items = self._marked()
        self._of(dict).update(zip(items[::2], items[1::2], strict=True))

    def _of(self, kind: type) -> Any:
        if not isinstance(self._stack[-1], kind):
            raise TypeError(
                f"{type(self._stack[-1]).__name__} where a {kind.__name__} was expected"
            )
        return self._stack[-1]

    def _global(self, argument: str) -> None:
        module, name = argument.split(" ", 1)
        self._stack.append(Named(module, name))

    def _stack_global(self, _: Any) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._stack.append(Named(str(module), str(name)))

    def _reduce(self, _: Any) -> None:
        arguments, called = self._stack.pop(), self._stack.pop()
        if not isinstance(called, Named) or not isinstance(arguments, tuple):
            raise TypeError(f"a call of {type(called).__name__}")
        self._stack.append(self._made(called, arguments))

    _newobj = _reduce

    def _build(self, _: Any) -> None:
        """The state of an object. A dict keeps none: PyTorch's has only the modules' versions."""
        self._stack.pop()
        self._of(dict)

    def _binpersid(self, _: Any) -> None:
        self._stack.append(self._stored(self._stack.pop()))
