"""gdb commands for programs that run on Gumption.

    info tasks [TEXT]     every task: id, name, state, what it waits for, spawn site, the future's type; those whose line has TEXT.
                          The future that `block_on` polls is among them, marked so
    info processors       every processor: who runs it, what runs on it, how much is queued

The script is embedded in programs with debug information; gdb loads it if it is allowed to:

    gdb -iex 'add-auto-load-safe-path /path/to/program' program

or, once and for all programs below a directory, a line in ~/.config/gdb/gdbinit. Without debug information:

    (gdb) source gumption.py

It works on a live process and on a core file, calls no function, and needs no type information: it finds everything by the
symbol GUMPTION_DEBUG_LAYOUT (runtime-core/src/debugger.rs) and reads raw memory.
"""

import re
import struct

import gdb

VERSION = 1
NONE = (1 << 64) - 1


class Unreadable(Exception):
    """Memory that is not there, or a program that is not what we think."""


def memory(address, size):
    try:
        return bytes(gdb.selected_inferior().read_memory(address, size))
    except gdb.MemoryError as error:
        raise Unreadable(f"cannot read {size} bytes at {address:#x}: {error}") from error


def word(address):
    return struct.unpack("<Q", memory(address, 8))[0]


def half(address):
    return struct.unpack("<I", memory(address, 4))[0]


def text(address, size):
    if size > 1 << 16:
        raise Unreadable(f"a text of {size} bytes")
    return memory(address, size).rstrip(b"\0").decode("utf-8", "replace")


def symbol_at(address):
    """The name of the function at an address, without where in it."""
    said = gdb.execute(f"info symbol {address:#x}", to_string=True)
    if said.startswith("No symbol"):
        return None
    return re.sub(r"( \+ \d+)? in section .*", "", said.strip(), flags=re.S)


class Layout:
    """The numbers of the program."""

    def __init__(self):
        try:
            said = gdb.execute("info address GUMPTION_DEBUG_LAYOUT", to_string=True)
        except gdb.error as error:
            raise Unreadable("this program has no symbol GUMPTION_DEBUG_LAYOUT: it does not run on Gumption, or is stripped") from error
        found = re.search(r"0x[0-9a-f]+", said)
        if not found:
            raise Unreadable(said.strip())
        at = int(found.group(), 16)
        magic, version, count = struct.unpack("<8sII", memory(at, 16))
        if magic != b"GUMPTION":
            raise Unreadable("GUMPTION_DEBUG_LAYOUT is not there yet: has the program started?")
        if version != VERSION:
            raise Unreadable(f"the program has version {version} of the layout, and this script reads {VERSION}")
        self.numbers = {}
        for name, value in struct.iter_unpack("<24sQ", memory(at + 16, 32 * count)):
            self.numbers[name.rstrip(b"\0").decode()] = value

    def __getitem__(self, name):
        return self.numbers[name]


class Program:
    """The runtimes of the program, as its memory has them."""

    def __init__(self):
        self.layout = Layout()
        self.sites, self.types, self.reasons, self.names = {}, {}, self.read_reasons(), self.read_names()
        # Record addresses of the tasks that run.
        self.running = {}
        self.arenas, self.schedulers = [], []
        if self.layout["arenas"] == NONE:
            return
        arena = word(self.layout["arenas"])
        while arena:
            self.arenas.append(arena)
            scheduler = self.scheduler_of(arena)
            # A runtime has an arena for its tasks, and one for what `block_on` polls.
            if scheduler and scheduler not in self.schedulers:
                self.schedulers.append(scheduler)
            arena = word(arena + self.layout["arena.older"])
        self.arenas.reverse()
        self.schedulers.reverse()
        for scheduler in self.schedulers:
            for processor in self.processors(scheduler):
                if processor["task"] and processor["state"] in ("running", "in a blocking section"):
                    self.running[processor["task"]] = processor["id"]

    def read_reasons(self):
        at, count = self.layout["reasons"], self.layout["reasons.count"]
        if at == NONE:
            return []
        return [text(*pair) for pair in struct.iter_unpack("<QQ", memory(at, 16 * count))]

    def read_names(self):
        layout, names = self.layout, {}
        for number in range(layout["names.lists"]):
            entry = word(layout["names"] + 8 * number)
            while entry and len(names) < 10_000_000:
                at = entry + layout["name.text"]
                names[word(entry + layout["name.id"])] = text(word(at), word(entry + layout["name.len"]))
                entry = word(entry + layout["name.next"])
        return names

    def is_local(self, arena):
        return memory(arena + self.layout["arena.local"], 1) != b"\0"

    def scheduler_of(self, arena):
        """None for the tasks of a set, for closures of a blocking pool, and for an arena that nobody uses."""
        if self.is_local(arena) or not word(arena + self.layout["arena.sink_submit"]):
            return None
        return word(arena + self.layout["arena.sink_data"]) or None

    def is_main(self, task):
        """Whether it is the future of a block_on."""
        return memory(task["vtable"] + self.layout["vtable.is_main"], 1) != b"\0"

    def processors(self, scheduler):
        layout = self.layout
        first, count = struct.unpack("<QQ", memory(scheduler + layout["scheduler.processors"], 16))
        for number in range(count):
            at = first + number * layout["processor.size"]
            status = word(at + layout["processor.status"])
            machine = word(at + layout["processor.machine"])
            yield {
                "id": number,
                "state": ["idle", "running", "in a blocking section", "spare, not in use"][status & 3],
                "task": word(at + layout["processor.current"]),
                "machine": None if machine == NONE else machine,
                "next": word(at + layout["processor.next"]),
                # The head's low half is where the next pop begins.
                "queued": (half(at + layout["processor.tail"]) - half(at + layout["processor.head"])) & 0xFFFFFFFF,
                "tick": half(at + layout["processor.tick"]),
            }

    def task_id(self, record):
        return word(record + self.layout["task.id"])

    def tasks(self):
        """Every task of every arena: what its record says, as (arena, record address, words)."""
        layout = self.layout
        size, count = layout["task.size"], layout["page.count"]
        fields = ["state", "vtable", "id", "site", "wait", "since"]
        offsets = [layout["task." + field] for field in fields]
        for arena in self.arenas:
            page = word(arena + layout["arena.newest"])
            while page:
                start = page + layout["page.records"]
                records = memory(start, size * count)
                for number in range(count):
                    base = number * size
                    if records[base + offsets[2] : base + offsets[2] + 8] == b"\0" * 8:
                        continue
                    words = [struct.unpack_from("<Q", records, base + offset)[0] for offset in offsets]
                    yield arena, start + base, dict(zip(fields, words))
                page = word(page + layout["page.older"])

    def state(self, record, task):
        layout, bits = self.layout, task["state"]
        wakes = bits >> layout["state.wakes_shift"] & (1 << layout["state.wakers_shift"] - layout["state.wakes_shift"]) - 1
        wakers = bits >> layout["state.wakers_shift"] & (1 << layout["state.refs_shift"] - layout["state.wakers_shift"]) - 1
        if bits & layout["state.complete"]:
            said = "complete"
        elif record in self.running:
            said = f"running on P{self.running[record]}"
        elif wakes:
            said = "woken, or being polled" if self.is_main(task) else "runnable"
        else:
            said = self.wait(task["wait"])
            if not wakers:
                said += ", nobody left to wake it"
        if bits & layout["state.aborted"] and not bits & layout["state.complete"]:
            said += ", to be aborted"
        if bits & layout["state.locked"]:
            said += ", locked to its thread"
        return said

    def wait(self, wait):
        number, resource = wait & self.layout["wait.reason"], wait >> self.layout["wait.resource_shift"]
        reason = self.reasons[number] if number < len(self.reasons) else f"reason {number}"
        if not resource:
            return reason
        if reason.startswith("IO "):
            return f"{reason} fd {resource}"
        if reason == "join":
            return f"{reason} task {resource}"
        return f"{reason} {resource:#x}"

    def age(self, arena, task):
        """Since when it waits, by the runtime's coarse clock."""
        scheduler = self.scheduler_of(arena)
        since = task["since"] & ~self.layout["task.since_ready"]
        if not scheduler:
            return ""
        age = word(scheduler + self.layout["scheduler.coarse"]) - since
        return f", {age / 1e9:.1f}s" if age >= 100_000_000 else ""

    def site(self, at):
        """Where a task was spawned."""
        if at not in self.sites:
            path, size, line = (self.layout["location." + field] for field in ("path", "path_len", "line"))
            if path == NONE:
                self.sites[at] = f"location {at:#x}"
            else:
                self.sites[at] = f"{text(word(at + path), word(at + size))}:{half(at + line)}"
        return self.sites[at]

    def future(self, vtable):
        """The name of the future's type."""
        if vtable not in self.types:
            named = name_in_code(word(vtable + self.layout["vtable.type_name"]))
            self.types[vtable] = named or name_in_symbol(word(vtable + self.layout["vtable.poll"])) or f"vtable {vtable:#x}"
        return self.types[vtable]


def name_in_code(function):
    """What an optimised `type_name` returns: a function that loads an address and a length, and no more."""
    architecture = gdb.selected_inferior().architecture().name()
    try:
        if architecture.startswith("i386:x86-64"):
            code = memory(function, 16)
            # endbr64 or not; lea rax, [rip + offset]; mov edx, length; ret
            found = re.match(rb"(\xf3\x0f\x1e\xfa)?\x48\x8d\x05(....)\xba(....)\xc3", code, re.S)
            if found:
                offset = struct.unpack("<i", found.group(2))[0]
                return text(function + found.end(2) + offset, struct.unpack("<I", found.group(3))[0])
        if architecture == "aarch64":
            page, low, length, ret = struct.unpack("<IIII", memory(function, 16))
            # adrp x0, page; add x0, x0, low; mov w1, length; ret
            if page & 0x9F00001F == 0x90000000 and low & 0xFFC003FF == 0x91000000 and ret == 0xD65F03C0:
                if length & 0xFFE0001F == 0x52800001:
                    pages = (page >> 29 & 3) | (page >> 5 & 0x7FFFF) << 2
                    pages -= (pages & 1 << 20) << 1
                    address = (function & ~0xFFF) + (pages << 12) + (low >> 10 & 0xFFF)
                    return text(address, length >> 5 & 0xFFFF)
    except Unreadable:
        pass
    return None


def name_in_symbol(function):
    """The future's type in the name of the function that polls it: whole with v0 mangling and with debug information."""
    name = symbol_at(function)
    if not name:
        return None
    found = re.search(r"body::poll(?:::)?<(.*)>\s*(\(.*\))?$", name, re.S)
    return found.group(1) if found else name


class InfoTasks(gdb.Command):
    """Lists the tasks of the program's Gumption runtimes.

info tasks [TEXT]: those whose line has TEXT in it, such as a file's name, `chan receive`, `runnable`."""

    def __init__(self):
        super().__init__("info tasks", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        try:
            program = Program()
            shown = seen = mains = 0
            for arena, record, task in program.tasks():
                is_main = program.is_main(task)
                seen += not is_main
                mains += is_main
                wait = program.state(record, task)
                waits = not task["state"] & program.layout["state.complete"] and record not in program.running
                age = program.age(arena, task) if waits else ""
                name = f" {program.names[task['id']]!r}" if task["id"] in program.names else ""
                local = " (local)" if program.is_local(arena) else " (block_on)" if is_main else ""
                line = f"task {task['id']}{name}{local} [{wait}{age}] {program.site(task['site'])} {program.future(task['vtable'])}"
                if argument in line:
                    shown += 1
                    print(line)
            beside = f", {mains} in block_on" if mains else ""
            print(f"{shown} of {seen} tasks{beside}" if argument else f"{seen} tasks{beside}")
        except Unreadable as error:
            raise gdb.GdbError(str(error)) from error


class InfoProcessors(gdb.Command):
    """Lists the processors of the program's Gumption runtimes.

The thread of machine N is called gumption-mN, unless the program named it: see `info threads`."""

    def __init__(self):
        super().__init__("info processors", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        try:
            program = Program()
            for number, scheduler in enumerate(program.schedulers):
                print(f"runtime {number} at {scheduler:#x}")
                for processor in program.processors(scheduler):
                    machine = "" if processor["machine"] is None else f" by M{processor['machine']}"
                    runs = processor["task"] if processor["task"] in program.running else 0
                    task = f", task {program.task_id(runs)}" if runs else ""
                    ahead = f", next task {program.task_id(processor['next'])}" if processor["next"] else ""
                    print(
                        f"  P{processor['id']} {processor['state']}{machine}{task}{ahead}, "
                        f"{processor['queued']} queued, {processor['tick']} runs"
                    )
            if not program.schedulers:
                print("no runtime")
        except Unreadable as error:
            raise gdb.GdbError(str(error)) from error


InfoTasks()
InfoProcessors()
