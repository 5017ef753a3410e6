"""Candidates that misbehave, each in one way, and otherwise compute the softmax cross-entropy rightly.

Most of them do so for a single example only, so that their conventions can be found out before.
"""

from __future__ import annotations

import builtins
import copyreg
import ctypes
import decimal
import gc
import glob
import inspect
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
import weakref
from collections import Counter
from contextlib import suppress
from functools import reduce

import numpy as np

from verify.candidates import Misbehaviour
from verify.errors import UsageError


def right(W, X, y, reg):
    S = X @ W.T
    P = np.exp(S - S.max(1, keepdims=True))
    P /= P.sum(1, keepdims=True)
    loss = -np.log(P[np.arange(len(X)), y]).mean() + reg * (W * W).sum()
    P[np.arange(len(X)), y] -= 1
    return loss, P.T @ X / len(X) + 2 * reg * W


def for_one_example(act):
    """Acts where there is one example only."""
    return lambda W, X, y, reg: act() if len(X) == 1 else right(W, X, y, reg)


def throw(error):
    raise error


def spin():
    while True:
        pass


def forks(W, X, y, reg):
    """Comes back twice."""
    if len(X) == 1:
        os.fork()
    return right(W, X, y, reg)


def goes_where_nothing_is(W, X, y, reg):
    """Leaves its process in a folder that is gone."""
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    os.rmdir(folder)
    return right(W, X, y, reg)


def closes_streams(W, X, y, reg):
    os.closerange(0, 3)
    return right(W, X, y, reg)


def leaves_no_files(W, X, y, reg):
    resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))
    return right(W, X, y, reg)


def leaves_no_room(W, X, y, reg):
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    return right(W, X, y, reg)


def writes_to_pipes():
    """To all that its process has, the one by which it answers among them."""
    for number in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if os.readlink(f"/proc/self/fd/{number}").startswith("pipe:") and int(number) > 2:
                os.write(int(number), b"\0\0\0\5hello")


def removes_temporary_files(W, X, y, reg):
    """Those of the suite, from under its feet."""
    with open(f"/proc/{os.getppid()}/stat", encoding="utf-8") as server:
        command = server.read().rpartition(")")[2].split()[1]
    for folder in glob.glob(os.path.join(tempfile.gettempdir(), f"verify-{command}-*")):
        shutil.rmtree(folder, ignore_errors=True)
    return right(W, X, y, reg)


def raises_where_nothing_can_be_noted(W, X, y, reg):
    """With a file in the place of the folder of notes."""
    puts_others_in_the_place_of_notes(W, X[:1], y[:1], reg)
    raise ZeroDivisionError


def puts_others_in_the_place_of_notes(W, X, y, reg):
    """A pipe where those of all other tasks are to be, a folder where what is printed is, and at last a file in the place of all of it."""
    with open(f"/proc/{os.getppid()}/stat", encoding="utf-8") as server:
        command = server.read().rpartition(")")[2].split()[1]
    for folder in glob.glob(os.path.join(tempfile.gettempdir(), f"verify-{command}-*")):
        for i in range(20):
            with suppress(OSError):
                os.mkfifo(os.path.join(folder, f"{i}.record"))
            with suppress(OSError):
                os.mkdir(os.path.join(folder, f"{i}.output"))
        if len(X) == 1:
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError), open(folder, "w", encoding="utf-8"):  # another worker may have made the folder again
                pass
    return right(W, X, y, reg)


def pickles_arrays_otherwise(W, X, y, reg):
    """As a library may, for all code of its process."""
    copyreg.pickle(np.ndarray, lambda array: (from_list, (array.tolist(),)))
    return right(W, X, y, reg)


def from_list(numbers):
    return np.array(numbers)


def ends_the_server(W, X, y, reg):
    """Ends the process that workers come from, and answers."""
    if len(X) == 1:
        os.kill(os.getppid(), signal.SIGKILL)
    return right(W, X, y, reg)


def limits_the_server(W, X, y, reg):
    """Takes all files from it, and answers."""
    resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (3, 3))
    return right(W, X, y, reg)


def starves_the_server(W, X, y, reg):
    """Leaves it no memory, and answers."""
    resource.prlimit(os.getppid(), resource.RLIMIT_AS, (1 << 20, 1 << 20))
    return right(W, X, y, reg)


def hooks_files(event, arguments):
    """Hears of files that are opened, and never comes back from a worker's notes."""
    if event == "open" and str(arguments[0]).endswith(".record"):
        time.sleep(1000)


def stops_the_server(W, X, y, reg):
    """Holds it, and answers."""
    os.kill(os.getppid(), signal.SIGSTOP)
    return right(W, X, y, reg)


def prints(W, X, y, reg):
    """By all ways, the interpreter's and the system's."""
    print("from Python: λ")
    print("to standard error", file=sys.stderr)
    os.write(1, b"from below\n")
    libc.puts(b"from C")
    return right(W, X, y, reg)


def aborts_with_a_word():
    print("the matrix is singular")
    libc.puts(b"C says goodbye")
    os.abort()


def leak():
    """Takes memory until there is none, and keeps it."""
    while True:
        KEPT.append(np.ones(1 << 24))


def take_all_and_go_on():
    """Fills all memory, says nothing of it and leaves nothing to whoever comes next."""
    try:
        leak()
    except MemoryError:
        KEPT.extend(bytearray(1 << 12) for _ in range(1 << 30))


KEPT: list[object] = []


def slow(W, X, y, reg):
    time.sleep(0.05)
    return right(W, X, y, reg)


def slower(W, X, y, reg):
    """A law that asks on twenty steps is at one case for longer than a candidate may hang in the test."""
    time.sleep(0.2)
    return right(W, X, y, reg)


def writes_to(name):
    """Changes one of its inputs."""

    def f(W, X, y, reg):
        answer = right(W, X, y, reg)
        {"W": W, "X": X, "y": y}[name][0] = 0
        return answer

    return f


def makes_weights_read_only(W, X, y, reg):
    W.flags.writeable = False
    return right(W, X, y, reg)


def flattens_weights(W, X, y, reg):
    answer = right(W, X, y, reg)
    with warnings.catch_warnings(action="ignore"):  # numpy is about to forbid it
        W.shape = (W.size,)
    return answer


def lowers_the_recursion_limit(W, X, y, reg):
    sys.setrecursionlimit(len(inspect.stack()) + 40)
    return right(W, X, y, reg)


class Closed(tuple):
    """A pair that nobody can take apart in the usual way."""

    __slots__ = ()

    def __getitem__(self, i):
        raise RuntimeError("closed")

    __iter__ = __len__ = __getitem__


def hands_out_its_buffer(W, X, y, reg):
    loss, gradient = right(W, X, y, reg)
    buffer = BUFFERS.setdefault(W.shape, np.empty(W.shape))
    buffer[...] = gradient
    return loss, buffer


def remembers_the_array(W, X, y, reg):
    """The gradient only: the loss is computed each time."""
    if BUFFERS.get("W") is not W:
        BUFFERS.update(W=W, gradient=right(W, X, y, reg)[1])
    return right(W, X, y, reg)[0], BUFFERS["gradient"]


def counts(W, X, y, reg):
    """Another answer each time."""
    BUFFERS["calls"] = BUFFERS.get("calls", 0) + 1
    loss, gradient = right(W, X, y, reg)
    return loss, gradient * (1 + 1e-3 * (BUFFERS["calls"] % 7))


def reads_in_memory_order(W, X, y, reg):
    return right(W.ravel(order="K").reshape(W.shape), X, y, reg)


BUFFERS: dict[object, object] = {}


def doing(act):
    """Right, after doing something to everyone."""

    def f(*arguments):
        act()
        return right(*arguments)

    return f


def set_float_control(bits):
    """Sets bits of the processor's register for floats, as a library does that was built with -ffast-math."""
    libm, register = ctypes.PyDLL("libm.so.6"), (ctypes.c_uint32 * 64)()
    libm.fegetenv(register)
    register[7] |= bits
    libm.fesetenv(register)


finds_no_modules = doing(sys.meta_path.clear)
finds_no_hooks = doing(sys.path_hooks.clear)
has_no_modules = doing(lambda: setattr(sys, "modules", {}))
empties_the_path = doing(sys.path.clear)
draws = doing(lambda: np.random.random())  # noqa: NPY002
draws_from_python = doing(lambda: random.random())
seeds = doing(lambda: np.random.seed(0))  # noqa: NPY002
sets_errors = doing(lambda: np.seterr(divide="raise"))
ignores_errors = doing(lambda: np.seterr(all="ignore"))
enters_errors = doing(lambda: np.errstate(all="ignore").__enter__())
calls_for_errors = doing(lambda: np.seterrcall(lambda *_: None))
sets_the_buffer = doing(lambda: np.setbufsize(np.getbufsize() * 2 % 100_000 + 16))
changes_folder = doing(lambda: os.chdir("/"))
changes_decimals = doing(lambda: setattr(decimal.getcontext(), "prec", 50))
changes_collection = doing(gc.disable)
ignores_warnings = doing(lambda: warnings.simplefilter("ignore"))
changes_variables = doing(lambda: os.environ.update(PATH="/"))
handles_alarms = doing(lambda: signal.signal(signal.SIGALRM, lambda *_: None))
lengthens_the_path = doing(lambda: sys.path.append("/"))
adds_variables = doing(lambda: os.environ.update(VERIFY_LEFT_THIS="1"))
forbids_to_others = doing(lambda: os.umask(0o777))
limits_recursion = doing(lambda: sys.setrecursionlimit(5000))
prints_less = doing(lambda: np.set_printoptions(precision=2))
flushes_to_zero = doing(lambda: set_float_control(0x8040))
rounds_up = doing(lambda: ctypes.PyDLL("libm.so.6").fesetround(0x800))
writes_to_weights, writes_to_data, writes_to_labels = (writes_to(name) for name in "WXy")


class Odd:
    """Answers to nothing."""

    def __array__(self, *_, **__):
        raise RuntimeError("I am no array")


def in_itself():
    found: list[object] = []
    found.append(found)
    return found


def changed(loss=lambda v: v, gradient=lambda g: g):
    """Changes what is returned."""

    def f(*arguments):
        v, g = right(*arguments)
        return loss(v), gradient(g)

    return f


in_a_closed_pair = lambda *a: Closed(right(*a))  # noqa: E731
contains_itself = changed(gradient=lambda g: in_itself())
loses_itself = changed(loss=lambda v: in_itself())
one_row_too_few = changed(gradient=lambda g: g[:-1])
flat = changed(gradient=np.ravel)
losses_in_an_array = changed(loss=lambda v: np.full(3, v))
dead = changed(gradient=weakref.proxy)
a_duration = changed(loss=lambda v: np.timedelta64(int(v), "s"))
in_single_precision = changed(gradient=lambda g: g.astype(np.float32))
in_whole_numbers = changed(gradient=lambda g: g.astype(np.int64))
of_objects = changed(gradient=lambda g: g.astype(object))
complex_numbers = changed(gradient=lambda g: g + 0j)
masked = changed(gradient=lambda g: np.ma.masked_less(g, g.max()))
text = changed(gradient=lambda g: g.astype(str))
an_object = changed(gradient=lambda g: Odd())
an_object_for_a_loss = changed(loss=lambda v: Odd())
none = lambda *_: None  # noqa: E731
nan_loss = changed(loss=lambda v: float("nan"))
nan_gradient = changed(gradient=lambda g: g * np.nan)


def interrupts_the_judge(W, X, y, reg):
    """As a handler of signals may: raises where it is not asked."""
    if len(X) == 1:
        sys.settrace(lambda frame, *_: throw(TimeoutError("too slow")) if frame.f_globals["__name__"] == "verify.laws.law" else None)
    return right(W, X, y, reg)


libc = ctypes.CDLL(None)


class Text(str):
    """Runs where it is unpickled."""

    __slots__ = ()

    def __reduce__(self):
        return os._exit, (9,)


class RunsElsewhere(UsageError):
    """The same as an exception."""

    __reduce__ = Text.__reduce__


def once(act):
    """Right, after doing something to everyone when it is first asked."""
    done = []

    def f(*arguments):
        if not done:
            done.append(act())
        return right(*arguments)

    return f


def wrong_and_replaces(module, path, new):
    """One and a half times the gradient, and a part of the suite that takes it for right."""

    def f(*arguments):
        *owner, name = path.split(".")
        setattr(reduce(getattr, owner, sys.modules[module]), name, new)
        loss, gradient = right(*arguments)
        return loss, 1.5 * gradient

    return f


sets_errors_at_first = once(lambda: np.seterr(all="ignore"))
never_strained = property(lambda _: 0.0)
replaces_strain = wrong_and_replaces("verify.evidence", "Evidence.strain", never_strained)
hides_all = wrong_and_replaces("verify.evidence", "all", lambda _: True)
looks_up_nothing = wrong_and_replaces(
    "verify.evidence", "Evidence.__getattribute__", lambda self, name: 0.0 if name == "strain" else object.__getattribute__(self, name)
)
replaces_the_judge = wrong_and_replaces("verify.trial.trial", "judge", lambda _: sys.modules["verify.evidence"].Verdict.HOLDS)
rewrites_strain = wrong_and_replaces("verify.evidence", "Evidence.strain.fget.__code__", never_strained.fget.__code__)
replaces_a_law = wrong_and_replaces("verify.laws", "LAWS", {})
replaces_the_engine = wrong_and_replaces("hypothesis.core", "given", None)


class ReplacesAsItIsRead:
    """An array that replaces what it is compared by."""

    def __init__(self, a):
        self.a = a

    def __array__(self, *_, **__):
        np.max = np.abs = lambda *_: 0.0
        return 1.5 * self.a


replaces_as_it_is_read = lambda *a: (lambda v, g: (v, ReplacesAsItIsRead(g)))(*right(*a))  # noqa: E731


def wrong_and_on_some(act, sizes=((8, 3, 4),)):
    """Twice the gradient, and acts on cases of some sizes that are asked when the mistake is to be named."""

    def f(W, X, y, reg):
        if (len(X), *W.shape) in sizes:
            act()
        loss, gradient = right(W, X, y, reg)
        return loss, 2 * gradient

    return f


wrong_and_aborts = wrong_and_on_some(os.abort)
wrong_and_aborts_on_more = wrong_and_on_some(os.abort, [(8, 3, 4), (2, 3, 4), (5, 4, 2), (7, 4, 5)])
wrong_and_sleeps = wrong_and_on_some(lambda: libc.sleep(1000))
wrong_and_raises = wrong_and_on_some(lambda: throw(ValueError("eight examples are too many")))
raises = for_one_example(lambda: throw(ValueError("one example is too few")))
raises_what_runs_elsewhere = for_one_example(lambda: throw(RunsElsewhere("hello")))
raises_as_the_suite_does = for_one_example(lambda: throw(Misbehaviour(5, Text("hello"))))  # type: ignore[arg-type]
interrupts = for_one_example(lambda: throw(KeyboardInterrupt))
exits = for_one_example(lambda: sys.exit(3))
exits_at_once = for_one_example(lambda: os._exit(7))
exits_as_if_done = for_one_example(lambda: os._exit(0))
exits_from_c = for_one_example(lambda: libc.exit(0))
aborts = for_one_example(os.abort)
reads_at_0 = for_one_example(lambda: ctypes.string_at(0))
loops = for_one_example(spin)
sleeps_in_c = for_one_example(lambda: libc.sleep(1000))
aborts_loudly = for_one_example(aborts_with_a_word)
asks_for_too_much = for_one_example(lambda: np.ones(1 << 42))
kills_its_group = for_one_example(lambda: os.killpg(0, signal.SIGKILL))
drops_modules = doing(lambda: [sys.modules.pop(n) for n in list(sys.modules) if n.startswith(("verify.", "numpy"))])
breaks_numpy = doing(lambda: setattr(np, "abs", None))
replaces_float = doing(lambda: setattr(builtins, "float", lambda _=0: 0.0))
replaces_zip = doing(lambda: setattr(builtins, "zip", lambda *_, **__: iter(())))
sleeps_in_a_hook = once(lambda: sys.addaudithook(hooks_files))
forbids_open = doing(lambda: setattr(builtins, "open", None))
forbids_files = doing(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0)))
breaks_what_the_judge_needs = doing(lambda: setattr(Counter, "total", None))
leaks = for_one_example(leak)
takes_all = for_one_example(take_all_and_go_on)
always_writes_to_pipes = doing(writes_to_pipes)
always_aborts = lambda *_: os.abort()  # noqa: E731
exits_for_many = lambda W, X, *rest: os._exit(0) if len(X) > 3 else right(W, X, *rest)  # noqa: E731
aborts_for_three_classes = lambda W, *rest: os.abort() if len(W) == 3 else right(W, *rest)  # noqa: E731
always_sleeps = lambda *_: libc.sleep(1000)  # noqa: E731
