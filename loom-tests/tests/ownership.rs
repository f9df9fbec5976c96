//! Models of who owns a processor: a machine, the idle set, sysmon for a moment, and never two of them.
//!
//! The code under test is `gumption_core::internals::{ProcessorStatus, Idle}`. The machines are those of `idle.rs`
//! ([`gumption_loom_tests::workers::Crew`]), whose `own` is the witness: whoever has a processor writes to a plain cell of
//! it, so two owners, or a hand-over that does not order what the old owner did before what the new one does, is a race.
//! Blocking sections and sysmon's rounds are here, in the few lines that the scheduler has for them.
#![cfg(gumption_loom)]

use gumption_core::internals::{Exit, MachineId, ProcessorId, ProcessorStatus, Seen, State};
use gumption_core::sync::{Arc, AtomicUsize, Ordering, fence, thread};
use gumption_loom_tests::workers::Crew;
use gumption_loom_tests::{model, mutants};

struct House {
    crew: Crew,
    status: Vec<ProcessorStatus>,
    /// The section that machine 0 is in or was in last.
    section: AtomicUsize,
}

type Threads = Vec<thread::JoinHandle<()>>;

fn start(house: &Arc<House>, threads: &mut Threads, body: impl FnOnce(&House) + 'static) {
    let house = Arc::clone(house);
    threads.push(thread::spawn(move || body(&house)));
}

fn finish(house: &House, threads: Threads) {
    for thread in threads {
        assert!(thread.join().is_ok());
    }
    house.crew.check();
}

impl House {
    fn new(crew: Crew, processors: usize) -> Arc<Self> {
        let status = (0..processors).map(|_| ProcessorStatus::new()).collect();
        Arc::new(Self { crew, status, section: AtomicUsize::new(0) })
    }

    /// A poll with a blocking section in it; the processor with which it ends, if there is one.
    fn section(&self, p: ProcessorId, number: usize, inside: impl FnOnce()) -> Option<ProcessorId> {
        self.crew.own(p);
        // Ordering: Relaxed; the store in `enter_blocking` publishes it.
        self.section.store(number, Ordering::Relaxed);
        let entered = self.status[p].enter_blocking();
        inside();
        match self.status[p].exit_blocking(entered) {
            Exit::Kept => {
                self.crew.own(p);
                Some(p)
            }
            Exit::Lost => {
                let other = self.crew.idle.take_processor(Some(p))?;
                self.status[other].set(State::Running);
                self.crew.own(other);
                Some(other)
            }
        }
    }

    /// A machine's life after a poll that ended with or without a processor.
    fn go_on(&self, m: MachineId, p: Option<ProcessorId>) {
        match p {
            Some(p) => self.crew.machine(m, p),
            None => self.crew.machine_without_processor(m),
        }
    }

    /// Sysmon takes `p` if it is in the section that it saw a round ago. Whoever takes it is its one owner.
    fn retake(&self, p: ProcessorId, seen: Option<Seen>) -> bool {
        let taken = seen.is_some_and(|seen| self.status[p].retake(seen));
        if taken {
            assert_eq!(self.status[p].state(), State::Idle);
            self.crew.own(p);
        }
        taken
    }
}

/// A machine passes through two blocking sections while sysmon tries twice to take its processor for a sleeping machine
/// with a task to run.
#[test]
fn p_has_one_owner() {
    model(3, || {
        let house = House::new(Crew::new(2, 1, 1), 1);
        let mut threads = Threads::new();
        start(&house, &mut threads, |house| {
            house.status[0].set(State::Running);
            let p = house.section(0, 1, || ()).and_then(|p| house.section(p, 2, || ()));
            house.go_on(0, p);
        });
        start(&house, &mut threads, |house| house.crew.machine_without_processor(1));
        house.crew.submit(0);
        for _ in 0..2 {
            if house.retake(0, house.status[0].blocked()) {
                house.crew.hand_off(0);
            }
        }
        finish(&house, threads);
    });
}

/// The end of a section and sysmon's exchange: one of them has the processor. A word that sysmon saw in one section takes
/// nothing in the next.
#[test]
fn syscall_exit_vs_retake() {
    model(4, || {
        let house = House::new(Crew::new(1, 1, 1), 1);
        let mut threads = Threads::new();
        house.status[0].set(State::Running);
        start(&house, &mut threads, |house| {
            let seen = house.status[0].blocked();
            fence(Ordering::Acquire);
            // Ordering: Relaxed; with the fence, not earlier than the section that was seen.
            let section = house.section.load(Ordering::Relaxed);
            if house.retake(0, seen) {
                // Ordering: Relaxed; the exchange in `retake` acquired it.
                assert_eq!(house.section.load(Ordering::Relaxed), section, "a section that was over took another");
                house.crew.release(0);
            }
            house.crew.submit(0);
        });
        let p = house.section(0, 1, || ()).and_then(|p| house.section(p, 2, || ()));
        house.go_on(0, p);
        finish(&house, threads);
    });
}

/// A task is woken inside a section that lasts until it has run, while sysmon takes the processor and sees nothing to do
/// with it yet: the machine that sleeps runs the task.
#[test]
fn wakes_inside_blocking_section_reach_a_queue() {
    model(2, || {
        let house = House::new(Crew::new(2, 1, 2).long(), 1);
        let mut threads = Threads::new();
        start(&house, &mut threads, |house| {
            house.status[0].set(State::Running);
            let p = house.section(0, 1, || {
                house.crew.submit(1);
                house.crew.run(0);
            });
            house.go_on(0, p);
        });
        start(&house, &mut threads, |house| house.crew.machine_without_processor(1));
        // Sysmon's rounds.
        while !house.retake(0, house.status[0].blocked()) {
            thread::yield_now();
        }
        house.crew.hand_off(0);
        finish(&house, threads);
    });
}

/// A spare processor goes out of use while the machine that it stood in for goes idle: the task that was left in its
/// queue runs. Sysmon may put it to use again as soon as it is out.
#[test]
fn spare_p_retires_without_stranding() {
    model(2, || {
        let house = House::new(Crew::new(2, 2, 1), 2);
        let mut threads = Threads::new();
        house.status[1].set(State::Running);
        start(&house, &mut threads, |house| {
            house.status[0].set(State::Running);
            house.crew.machine(0, 0);
        });
        start(&house, &mut threads, |house| {
            if house.status[1].take_spare() {
                house.crew.own(1);
                house.crew.hand_off(1);
            }
        });
        // The spare's machine, asked to retire with a task in the queue.
        house.crew.own(1);
        house.status[1].set(State::Spare);
        house.crew.submit(0);
        house.crew.machine_without_processor(1);
        for thread in threads {
            assert!(thread.join().is_ok());
        }
        if house.status[1].take_spare() {
            house.crew.lay_down(1, false);
        }
        house.crew.check();
    });
}

mutants! {
    p_has_one_owner: ["owner-exit-load-store", "owner-enter-relaxed", "owner-retake-relaxed"];
    syscall_exit_vs_retake: ["owner-exit-load-store", "owner-enter-relaxed"];
    wakes_inside_blocking_section_reach_a_queue: ["owner-release-no-fence", "idle-no-submit-fence"];
    spare_p_retires_without_stranding: ["idle-no-recheck", "owner-spare-relaxed"];
}
