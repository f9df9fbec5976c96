//! A small crew of machines that run the real [`Idle`] and the real [`Parker`], for the models of the idle protocol.
//!
//! What is real: every decision about who sleeps, who searches and who is woken, and the place where a machine sleeps.
//! What is small: a task is a number, the run queues are one slot per task, written with a Release store and taken with an
//! Acquire exchange. They are deliberately *weak*: a queue behind a mutex would bring the very ordering along that the
//! protocol's fences must give, and a model on top of it could not tell whether the fences are there.
//!
//! A machine's loop is the scheduler's in miniature: it searches only if it counts as spinning, tells the protocol when a
//! spinner found something, and goes idle otherwise. The crew checks as it goes:
//!
//! * a lost wake-up is a deadlock: the crew ends when all tasks have run, and only then;
//! * a processor's `owned` cell is written by whoever has the processor: two owners, or a hand-over without an edge of
//!   happens-before, is a race that the checker reports;
//! * a processor that is handed to a machine whose last one was not yet collected is a panic (`m_never_owns_two_ps`);
//! * at the end the count of idle processors is the number of processors, nobody spins, and the mask says the same.
//!
//! Machines may be kept in [`reserve`](Crew::reserve): their threads wait to be started, and the protocol is then allowed to
//! ask for a new machine. When none is left the caller gives the processor back, as when a thread cannot be had.
//!
//! Task 0 may be *long* ([`Crew::long`]): its run ends only when task 1 has run, so that a model fails not only when a
//! task is never run but also when it waits behind another although a processor is idle (work conservation).
//!
//! The invariant: whatever holds a processor is on exactly one path: a machine's loop, the idle set, or `handed`.

use gumption_core::internals::{Idle, MachineId, Parker, ProcessorId, Reclaim, Wake, WentIdle};
use gumption_core::sync::{AtomicBool, AtomicUsize, Ordering, UnsafeCell};

/// No processor is handed over.
const NONE: usize = usize::MAX;

/// The machines of a model, their processors and their tasks.
pub struct Crew {
    /// The protocol under test.
    pub idle: Idle,
    /// How many machines may spin beside this many busy processors.
    limit: fn(usize) -> usize,
    machines: Vec<Machine>,
    /// Whether the protocol may ask for a new machine.
    may_start: bool,
    /// One per processor, touched by whoever has it.
    owned: Vec<UnsafeCell<usize>>,
    /// One slot per task: 1 while it waits.
    slots: Vec<AtomicUsize>,
    ran: AtomicUsize,
    over: AtomicBool,
    /// Where the run of task 0 waits for that of task 1.
    gate: Option<Parker>,
}

// SAFETY: `owned[p]` is touched only by who has processor `p`; that this is one at a time is what the models check.
unsafe impl Sync for Crew {}
// SAFETY: as above.
unsafe impl Send for Crew {}

struct Machine {
    parker: Parker,
    /// The processor that a waker has given to this machine, twice, and one more if the machine counts as spinning with
    /// it; or `NONE`.
    handed: AtomicUsize,
    /// Whether the machine exists: false for one in reserve. Who sets it may start the machine, or end its thread.
    started: AtomicBool,
}

impl Machine {
    fn new(started: bool) -> Self {
        Self { parker: Parker::new(), handed: AtomicUsize::new(NONE), started: AtomicBool::new(started) }
    }
}

impl Crew {
    /// `machines` machines and `processors` processors, none of them idle, and `tasks` tasks, none of them submitted.
    pub fn new(machines: usize, processors: usize, tasks: usize) -> Self {
        Self {
            idle: Idle::new(processors),
            limit: |busy| busy.div_ceil(2),
            machines: (0..machines).map(|_| Machine::new(true)).collect(),
            may_start: false,
            owned: (0..processors).map(|_| UnsafeCell::new(0)).collect(),
            slots: (0..tasks).map(|_| AtomicUsize::new(0)).collect(),
            ran: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            gate: None,
        }
    }

    /// Task 0 runs until task 1 has run.
    pub fn long(mut self) -> Self {
        self.gate = Some(Parker::new());
        self
    }

    /// Another limit of spinning machines.
    pub fn limit(mut self, limit: fn(usize) -> usize) -> Self {
        self.limit = limit;
        self
    }

    /// `count` more machines, numbered after the others, that exist only when they are asked for. Each needs a thread in
    /// [`machine_in_reserve`](Self::machine_in_reserve).
    pub fn reserve(mut self, count: usize) -> Self {
        self.machines.extend((0..count).map(|_| Machine::new(false)));
        self.may_start = true;
        self
    }

    /// Puts a task in its slot, and wakes nobody.
    pub fn push(&self, task: usize) {
        // Ordering: Release; the exchange in `take` pairs with it.
        self.slots[task].store(1, Ordering::Release);
    }

    /// A submit from any thread: push, then wake whom the protocol names.
    pub fn submit(&self, task: usize) {
        self.push(task);
        self.wake(self.idle.submitted(self.may_start));
    }

    /// Whether a task waits in a slot: the look that the protocol asks for.
    pub fn work(&self) -> bool {
        // Ordering: Acquire as the queues' own `is_empty`; what makes it recent enough is the protocol's fence.
        self.slots.iter().any(|slot| slot.load(Ordering::Acquire) != 0)
    }

    fn take(&self) -> Option<usize> {
        // Ordering: Relaxed first, as a thief's hint; the exchange pairs with the push.
        (0..self.slots.len()).find(|&task| {
            self.slots[task].load(Ordering::Relaxed) != 0 && self.slots[task].swap(0, Ordering::AcqRel) != 0
        })
    }

    /// Does what the protocol said.
    pub fn wake(&self, wake: Wake) {
        match wake {
            Wake::Nobody => {}
            Wake::Machine(m, p) => self.hand(m, p),
            Wake::NewMachine(p) => self.start(p),
        }
    }

    /// Starts a machine from the reserve with `p`, counted as spinning; without one, gives both back.
    fn start(&self, p: ProcessorId) {
        assert!(self.may_start, "P{p} has no machine, and none may be started here");
        // Ordering: AcqRel; one starts it, or its thread ends.
        if let Some(m) = (0..self.machines.len()).find(|&m| !self.machines[m].started.swap(true, Ordering::AcqRel)) {
            return self.hand(m, p);
        }
        self.lay_down(p, true);
        if self.work() {
            self.wake(self.idle.submitted(false));
        }
    }

    /// Gives `p`, which the caller has, to the machine `m`, which the caller took off the sleepers, and wakes it. The
    /// machine counts as spinning.
    pub fn hand(&self, m: MachineId, p: ProcessorId) {
        self.give(m, p, true);
    }

    /// Finds a machine for `p`, which the caller has taken from another, or makes it idle: sysmon's hand-off.
    pub fn hand_off(&self, p: ProcessorId) {
        if self.work()
            && let Some(m) = self.idle.take_machine(p)
        {
            self.give(m, p, false);
        } else {
            self.release(p);
        }
    }

    fn give(&self, m: MachineId, p: ProcessorId, spinning: bool) {
        self.own(p);
        // Ordering: Release pairs with the exchange in `sleep`. The token is not enough: a machine that another token has
        // woken may see this before ours comes.
        let before = self.machines[m].handed.swap(p << 1 | usize::from(spinning), Ordering::Release);
        assert_eq!(before, NONE, "M{m} has been given two processors");
        let _ = self.machines[m].parker.unpark();
    }

    /// A wake without a reason, as when a machine's time is up: it comes out of its sleep and must look what it owns.
    pub fn poke(&self, m: MachineId) {
        let _ = self.machines[m].parker.unpark();
    }

    /// Touches `p` as its owner.
    pub fn own(&self, p: ProcessorId) {
        // SAFETY: the caller has the processor; if another has it too, this is the race that the models look for.
        self.owned[p].with_mut(|runs| unsafe { *runs += 1 });
    }

    /// Runs a task.
    pub fn run(&self, task: usize) {
        match (&self.gate, task) {
            (Some(gate), 0) => gate.park(),
            (Some(gate), 1) => {
                let _ = gate.unpark();
            }
            _ => {}
        }
        // Ordering: AcqRel; the last one sees all.
        if self.ran.fetch_add(1, Ordering::AcqRel) + 1 == self.slots.len() {
            self.end();
        }
    }

    fn end(&self) {
        // Ordering: Release; pairs with the load in `is_over`.
        self.over.store(true, Ordering::Release);
        for machine in &self.machines {
            let _ = machine.parker.unpark();
        }
    }

    fn is_over(&self) -> bool {
        // Ordering: Acquire; pairs with the store in `end`.
        self.over.load(Ordering::Acquire)
    }

    /// The loop of machine `m` that has processor `p`, until all tasks have run.
    pub fn machine(&self, m: MachineId, p: ProcessorId) {
        self.search(m, p, false);
    }

    /// The loop of machine `m` that has no processor and goes to sleep.
    pub fn machine_without_processor(&self, m: MachineId) {
        let p = match self.idle.sleep_without_processor(m, 0, || self.work()) {
            WentIdle::Resume(p) => Some((p, true)),
            WentIdle::Sleep => self.sleep(m),
        };
        if let Some((p, spinning)) = p {
            self.search(m, p, spinning);
        }
    }

    /// The thread of machine `m` in reserve: its loop once it is started.
    pub fn machine_in_reserve(&self, m: MachineId) {
        loop {
            self.machines[m].parker.park();
            // Ordering: Acquire pairs with the exchange in `hand`.
            let handed = self.machines[m].handed.swap(NONE, Ordering::Acquire);
            if handed != NONE {
                return self.search(m, handed >> 1, handed & 1 == 1);
            }
            // Ordering: AcqRel, as in `start`.
            if self.is_over() && !self.machines[m].started.swap(true, Ordering::AcqRel) {
                return;
            }
        }
    }

    /// Makes `p`, which the caller has, idle, and wakes whom that concerns.
    pub fn release(&self, p: ProcessorId) {
        self.own(p);
        self.idle.release(p);
        if self.work() {
            self.wake(self.idle.submitted(self.may_start));
        }
    }

    fn search(&self, m: MachineId, mut p: ProcessorId, mut spinning: bool) {
        while !self.is_over() {
            self.own(p);
            spinning = spinning || self.idle.try_spin(self.owned.len(), self.limit);
            if let Some(task) = if spinning { self.take() } else { None } {
                if spinning {
                    spinning = false;
                    self.wake(self.idle.found(self.may_start, || self.work()));
                }
                self.run(task);
                continue;
            }
            match self.idle.go_idle(m, p, spinning, || self.work()) {
                WentIdle::Resume(other) => (p, spinning) = (other, true),
                WentIdle::Sleep => match self.sleep(m) {
                    Some(given) => (p, spinning) = given,
                    None => return,
                },
            }
        }
        self.lay_down(p, spinning);
    }

    /// Sleeps until there is a processor, and says whether the machine counts as spinning; none when all is over.
    fn sleep(&self, m: MachineId) -> Option<(ProcessorId, bool)> {
        loop {
            self.machines[m].parker.park();
            // Ordering: Acquire pairs with the exchange in `hand`.
            let handed = self.machines[m].handed.swap(NONE, Ordering::Acquire);
            if handed != NONE {
                return Some((handed >> 1, handed & 1 == 1));
            }
            if self.is_over() {
                if self.idle.retire(m) {
                    return None;
                }
                // Somebody has taken us off the stack: its token is on its way.
            } else {
                match self.idle.reclaim(m, 0) {
                    Reclaim::Processor(p) => return Some((p, true)),
                    Reclaim::AllBusy | Reclaim::Woken => {}
                }
            }
        }
    }

    /// A machine gives back what it has, at the end.
    pub fn lay_down(&self, p: ProcessorId, spinning: bool) {
        self.own(p);
        if spinning {
            self.idle.stop_spinning();
        }
        self.idle.release(p);
    }

    /// What must hold when every machine has ended.
    pub fn check(&self) {
        // Ordering: Acquire; the threads have been joined.
        assert_eq!(self.ran.load(Ordering::Acquire), self.slots.len(), "every task ran once");
        assert!(self.idle.is_consistent(), "the count of idle processors is not what the mask says");
        assert_eq!(self.idle.spinning(), 0, "a machine is counted as spinning for ever");
        assert_eq!(self.idle.idle(), self.owned.len(), "a processor is lost");
        assert_eq!(self.idle.sleeping(), 0, "a machine that has ended is still listed");
    }
}
