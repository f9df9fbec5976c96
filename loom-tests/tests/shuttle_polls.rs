//! The whole scheduler with a poll for each processor, under shuttle: whether somebody looks into each of them, and whether a
//! source that moves between them loses anything. The kernel is [`gumption_loom_tests::wire`]'s.
//!
//! There is no sysmon, so an event in a poll that nobody looks into is a deadlock: what in production would be half a
//! millisecond late fails here. A model that needs its rounds takes some and then lets it go to sleep.
#![cfg(gumption_shuttle)]

use gumption_core::runtime::{Builder, Runtime, SpinPolicy};
use gumption_core::sync::{Arc, thread};
use gumption_core::{blocking, lock_os_thread, spawn};
use gumption_loom_tests::stage::{Gate, Ledger, join};
use gumption_loom_tests::wire::{Fd, Line, WireDriver};
use gumption_loom_tests::{check_random_and_pct, mutants};

fn runtime<const POLLS: usize>() -> Runtime<WireDriver<POLLS>> {
    let spin = SpinPolicy { passes: 1, ..SpinPolicy::default() };
    Builder::new_multi_thread().processors(POLLS).sysmon(false).spin(spin).enable_all().build().unwrap()
}

fn writer(line: Line, times: usize) -> thread::JoinHandle<()> {
    thread::spawn(move || (0..times).for_each(|_| line.write()))
}

async fn read(fd: &Fd, bytes: usize) {
    let mut read = 0;
    while read < bytes {
        read += fd.read().await.unwrap();
    }
}

/// However the sources came into their polls, and whatever became of who looked there: each event reaches its task.
#[test]
fn no_poll_is_left_unwatched() {
    check_random_and_pct(3_000, registered_from_outside);
    check_random_and_pct(3_000, moved_by_their_tasks);
    check_random_and_pct(3_000, processors_are_handed_off);
    check_random_and_pct(3_000, processors_are_retaken);
}

/// Three sources, each in another poll, before there is a machine.
fn registered_from_outside() {
    let (runtime, ledger) = (runtime::<3>(), Ledger::default());
    let token = ledger.token();
    runtime.block_on(async {
        let _token = token;
        let fds = [(); 3].map(|()| Fd::open().unwrap());
        let writers: Vec<_> = fds.iter().map(|fd| writer(fd.line(), 1)).collect();
        for fd in &fds {
            read(fd, 1).await;
        }
        drop(fds);
        join(writers);
    });
    ledger.close(runtime);
}

/// Two tasks whose sources follow them and go where their packets come in, also to processors that sleep.
fn moved_by_their_tasks() {
    let (runtime, ledger) = (runtime::<3>(), Ledger::default());
    let tasks = [(); 2].map(|()| {
        let token = ledger.token();
        runtime.spawn(async move {
            let _token = token;
            let fd = Fd::open().unwrap();
            let line = fd.line();
            for _ in 0..6 {
                let one = writer(line.clone(), 1);
                read(&fd, 1).await;
                join([one]);
            }
        })
    });
    for task in tasks {
        runtime.block_on(task).unwrap();
    }
    ledger.close(runtime);
}

/// A task that is locked to its thread waits: its processor is handed off, and another task's source was there.
fn processors_are_handed_off() {
    let (runtime, ledger) = (runtime::<2>(), Ledger::default());
    let (token, inner) = (ledger.token(), ledger.clone());
    let task = runtime.spawn(async move {
        let _token = token;
        let theirs = Fd::open().unwrap();
        let one = writer(theirs.line(), 2);
        let token = inner.token();
        let other = spawn(async move {
            let _token = token;
            read(&theirs, 2).await;
        });
        let _locked = lock_os_thread();
        let fd = Fd::open().unwrap();
        let another = writer(fd.line(), 2);
        read(&fd, 2).await;
        other.await.unwrap();
        join([one, another]);
    });
    runtime.block_on(task).unwrap();
    ledger.close(runtime);
}

/// Sysmon takes the processor of a section that ends when events have been seen, and goes to sleep.
fn processors_are_retaken() {
    let (runtime, ledger) = (runtime::<2>(), Ledger::default());
    let (seen, inside) = (Gate::new(), Gate::new());
    let (token, inner) = (ledger.token(), ledger.clone());
    let task = runtime.spawn({
        let (seen, inside) = (seen.clone(), inside.clone());
        async move {
            let _token = token;
            let fd = Fd::open().unwrap();
            let one = writer(fd.line(), 2);
            let (token, done) = (inner.token(), seen.clone());
            spawn(async move {
                let _token = token;
                read(&fd, 2).await;
                done.open();
            });
            blocking(|| {
                inside.open();
                seen.block();
            });
            join([one]);
        }
    });
    let sysmon = {
        let handle = runtime.handle().clone();
        thread::spawn(move || {
            inside.block();
            let mut watch = handle.watch();
            // Seen in the section in the first round, taken in the second.
            for now in 1..3 {
                let _did = watch.round(now * 1_000_000_000);
            }
            watch.leave_driver();
        })
    };
    runtime.block_on(task).unwrap();
    join([sysmon]);
    ledger.close(runtime);
}

/// Two threads move a source from poll to poll, now and then in vain, while its task reads what comes, waits here and there,
/// and closes it as soon as it has all.
#[test]
fn source_moves_lose_no_event() {
    check_random_and_pct(6_000, || {
        let (runtime, ledger) = (runtime::<3>(), Ledger::default());
        let fd = {
            let _entered = runtime.enter();
            Arc::new(Fd::open().unwrap())
        };
        let writers = [1, 2].map(|times| writer(fd.line(), times));
        let movers = [[1, 2], [2, 0]].map(|polls| {
            let (fd, handle) = (fd.clone(), runtime.handle().clone());
            thread::spawn(move || {
                let _entered = handle.enter();
                polls.into_iter().for_each(|poll| fd.move_to(poll));
            })
        });
        let (token, other) = (ledger.token(), fd);
        let task = runtime.spawn(async move {
            let _token = token;
            read(&other, 3).await;
        });
        runtime.block_on(task).unwrap();
        join(movers);
        join(writers);
        ledger.close(runtime);
    });
}

/// A task computes until another one has read whose source is in the poll of its processor. The other machine sleeps in its
/// own poll, as there is a source; it is woken there when the event has come here, and finds it before it sleeps again.
#[test]
fn a_thief_looks_into_a_stuck_poll() {
    check_random_and_pct(6_000, || {
        let (runtime, ledger) = (runtime::<2>(), Ledger::default());
        let (token, inner) = (ledger.token(), ledger.clone());
        let task = runtime.spawn(async move {
            let _token = token;
            let read_here = Gate::new();
            let readers = [0, 1].map(|away| {
                let (fd, waits, token, done) =
                    (Arc::new(Fd::open().unwrap()), Gate::new(), inner.token(), read_here.clone());
                let reader = spawn({
                    let (fd, waits) = (fd.clone(), waits.clone());
                    async move {
                        let _token = token;
                        waits.open();
                        read(&fd, 1).await;
                        if away == 0 {
                            done.open();
                        }
                    }
                });
                (fd, waits, reader)
            });
            for (_, waits, _) in &readers {
                waits.wait().await;
            }
            // Both readers wait, or are about to on another machine: none is in a queue here.
            for (away, (fd, ..)) in readers.iter().enumerate() {
                fd.bring(away);
            }
            readers.iter().for_each(|(fd, ..)| fd.line().write());
            // Not a blocking section: nobody is told that the processor is stuck.
            read_here.block();
            for (_fd, _, reader) in readers {
                reader.await.unwrap();
            }
        });
        runtime.block_on(task).unwrap();
        ledger.close(runtime);
    });
}

mutants! {
    a_thief_looks_into_a_stuck_poll: ["io-thief-passes-by"];
    no_poll_is_left_unwatched: ["seat-unwatched-ignored", "seat-registration-unheard"];
    source_moves_lose_no_event: ["io-move-removes-first", "io-move-together"];
}
