//! The whole scheduler with io under shuttle: real machines, the real seat, the real records of sources, and a kernel of
//! the model's threads ([`gumption_loom_tests::wire`]).
//!
//! There is no sysmon that would look into the driver now and then, so an event that no machine passes on is a deadlock. A
//! model that needs its rounds takes some and then lets it go to sleep.
//!
//! Each model demands that it ends, that each future is dropped once, and that the conservation laws hold at the end.
#![cfg(gumption_shuttle)]

use gumption_core::runtime::{Builder, Runtime, SpinPolicy};
use gumption_core::sync::{Arc, Mutex, thread};
use gumption_core::{blocking, lock_os_thread, spawn, yield_now};
use gumption_loom_tests::stage::{Gate, Ledger, join};
use gumption_loom_tests::wire::{Closed, Fd, Line, WireDriver};
use gumption_loom_tests::{check_random_and_pct, mutants};

fn build(builder: &mut Builder<WireDriver>) -> Runtime<WireDriver> {
    // One pass, as most of these models are about what happens when nothing is found.
    let spin = SpinPolicy { passes: 1, ..SpinPolicy::default() };
    builder.sysmon(false).spin(spin).enable_all().build().unwrap()
}

fn multi(processors: usize) -> Runtime<WireDriver> {
    build(Builder::new_multi_thread().processors(processors))
}

/// The model's kernel threads: each writes to a line that it is given.
#[derive(Clone, Default)]
struct Writers(Arc<Mutex<Vec<thread::JoinHandle<()>>>>);

impl Writers {
    fn write(&self, line: Line, times: usize) {
        self.0.lock().push(thread::spawn(move || (0..times).for_each(|_| line.write())));
    }

    fn join(&self) {
        let threads = std::mem::take(&mut *self.0.lock());
        join(threads);
    }
}

/// Three tasks open sources one after another, read what other threads write, and close them with an event still on its
/// way: records are used again at once. Beside them a task that spawns others, so that work is stolen.
#[test]
fn every_event_reaches_its_task() {
    check_random_and_pct(6_000, || {
        let (runtime, ledger, writers) = (multi(3), Ledger::default(), Writers::default());
        let mut tasks: Vec<_> = (0..3)
            .map(|_| {
                let (token, writers) = (ledger.token(), writers.clone());
                runtime.spawn(async move {
                    let _token = token;
                    for all in [1, 2] {
                        let fd = Fd::open().unwrap();
                        writers.write(fd.line(), 2);
                        let mut read = 0;
                        while read < all {
                            read += fd.read().await.unwrap();
                        }
                    }
                })
            })
            .collect();
        let (token, inner) = (ledger.token(), ledger.clone());
        tasks.push(runtime.spawn(async move {
            let _token = token;
            for _ in 0..3 {
                let token = inner.token();
                spawn(async move { drop(token) });
                yield_now().await;
            }
        }));
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
        writers.join();
        ledger.close(runtime);
    });
}

/// Two tasks accept from one listener what three writers bring, and a third one gives up after a while: none of the three
/// is left lying while somebody waits for it.
#[test]
fn two_accept_from_one_listener() {
    check_random_and_pct(6_000, || {
        let (runtime, ledger, writers) = (multi(2), Ledger::default(), Writers::default());
        let fd = {
            let _entered = runtime.enter();
            Arc::new(Fd::open().unwrap())
        };
        let gives_up = {
            let (token, fd) = (ledger.token(), fd.clone());
            runtime.spawn(async move {
                let _token = token;
                let _accepted = fd.accept(24).await;
            })
        };
        let tasks: Vec<_> = [(8, 2), (16, 1)]
            .into_iter()
            .map(|(who, times)| {
                let (token, fd) = (ledger.token(), fd.clone());
                runtime.spawn(async move {
                    let _token = token;
                    for _ in 0..times {
                        fd.accept(who).await.unwrap();
                    }
                })
            })
            .collect();
        writers.write(fd.line(), 2);
        gives_up.abort();
        writers.write(fd.line(), 1);
        // It may have taken one before it was aborted.
        let took = runtime.block_on(gives_up).is_ok();
        writers.write(fd.line(), usize::from(took));
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
        writers.join();
        drop(fd);
        ledger.close(runtime);
    });
}

/// An idle scheduler has somebody in the driver while a source waits, however its last machine went: it had none yet; it
/// waits for its locked task; its processor was taken from a blocking section, and sysmon sleeps; it was a caller of
/// `block_on`, which went on; it found sysmon in the driver, which then went to sleep.
#[test]
fn poller_seat_unique_and_never_lost() {
    check_random_and_pct(3_000, no_machine_yet);
    check_random_and_pct(3_000, machine_waits_for_its_locked_task);
    check_random_and_pct(3_000, machine_is_in_a_blocking_section);
    check_random_and_pct(3_000, sitter_goes);
    check_random_and_pct(3_000, sysmon_stood_in);
}

/// A caller of `block_on` opens and reads, and nobody has ever spawned a task.
fn no_machine_yet() {
    let (runtime, ledger, writers) = (multi(2), Ledger::default(), Writers::default());
    for _ in 0..2 {
        let token = ledger.token();
        runtime.block_on(async {
            let _token = token;
            let fd = Fd::open().unwrap();
            writers.write(fd.line(), 1);
            assert_eq!(fd.read().await, Ok(1));
        });
    }
    writers.join();
    ledger.close(runtime);
}

/// The only machine is locked to the task that waits.
fn machine_waits_for_its_locked_task() {
    let (runtime, ledger, writers) = (multi(1), Ledger::default(), Writers::default());
    let (token, theirs) = (ledger.token(), writers.clone());
    let task = runtime.spawn(async move {
        let _token = token;
        let _locked = lock_os_thread();
        let fd = Fd::open().unwrap();
        theirs.write(fd.line(), 1);
        assert_eq!(fd.read().await, Ok(1));
    });
    runtime.block_on(task).unwrap();
    writers.join();
    ledger.close(runtime);
}

/// The only machine blocks on what happens when the event is seen.
fn machine_is_in_a_blocking_section() {
    let (runtime, ledger, writers) = (multi(1), Ledger::default(), Writers::default());
    let (seen, inside) = (Gate::new(), Gate::new());
    let reader = runtime.spawn({
        let (token, seen, writers) = (ledger.token(), seen.clone(), writers.clone());
        async move {
            let _token = token;
            let fd = Fd::open().unwrap();
            writers.write(fd.line(), 1);
            assert_eq!(fd.read().await, Ok(1));
            seen.open();
        }
    });
    let blocked = runtime.spawn({
        let (token, seen, inside) = (ledger.token(), seen.clone(), inside.clone());
        async move {
            let _token = token;
            blocking(|| {
                inside.open();
                seen.block();
            });
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
    runtime.block_on(blocked).unwrap();
    runtime.block_on(reader).unwrap();
    join([sysmon]);
    writers.join();
    ledger.close(runtime);
}

/// Two callers of `block_on` on one processor, each with a source of its own: the first to go may have been the sitter.
fn sitter_goes() {
    let (runtime, ledger) = (build(&mut Builder::new_current_thread()), Ledger::default());
    let (runtime, writers) = (Arc::new(runtime), Writers::default());
    let callers = [(); 2].map(|()| {
        let (runtime, writers, token) = (runtime.clone(), writers.clone(), ledger.token());
        thread::spawn(move || {
            runtime.block_on(async {
                let _token = token;
                let fd = Fd::open().unwrap();
                writers.write(fd.line(), 1);
                assert_eq!(fd.read().await, Ok(1));
            });
        })
    });
    join(callers);
    writers.join();
    let Some(runtime) = Arc::into_inner(runtime) else { panic!("the threads have gone") };
    ledger.close(runtime);
}

/// A machine goes idle while sysmon looks into the driver, so that it sleeps on its parker; then sysmon goes to sleep.
fn sysmon_stood_in() {
    let (runtime, ledger) = (multi(1), Ledger::default());
    let line = Arc::new(Mutex::new(None));
    let reader = runtime.spawn({
        let (token, line) = (ledger.token(), line.clone());
        async move {
            let _token = token;
            let fd = Fd::open().unwrap();
            *line.lock() = Some(fd.line());
            assert_eq!(fd.read().await, Ok(1));
        }
    });
    let mut watch = runtime.handle().watch();
    let mut now = 0;
    let line = loop {
        now += 1_000_000_000;
        let _did = watch.round(now);
        if let Some(line) = line.lock().take() {
            break line;
        }
        thread::yield_now();
    };
    let _did = watch.round(now + 1_000_000_000);
    watch.leave_driver();
    line.write();
    runtime.block_on(reader).unwrap();
    drop(line);
    ledger.close(runtime);
}

/// The runtime ends while tasks and threads of the user's wait, open and read: each is dropped, or told of the end.
#[test]
fn close_reaches_every_waiter() {
    check_random_and_pct(6_000, || {
        let (runtime, ledger, writers) = (multi(2), Ledger::default(), Writers::default());
        for _ in 0..2 {
            let token = ledger.token();
            runtime.spawn(async move {
                let _token = token;
                let fd = Fd::open().unwrap();
                let _forever = fd.read().await;
            });
        }
        let outside = [0, 1].map(|written| {
            let (handle, token, writers) = (runtime.handle().clone(), ledger.token(), writers.clone());
            thread::spawn(move || {
                handle.block_on(async {
                    let _token = token;
                    let Ok(fd) = Fd::open() else { return };
                    writers.write(fd.line(), written);
                    let mut read = 0;
                    while let Ok(bytes) = fd.read().await {
                        read += bytes;
                    }
                    assert!(read <= written);
                    assert!(matches!(Fd::open(), Err(Closed)), "a closed runtime takes no source");
                });
            })
        });
        let handle = runtime.handle().clone();
        drop(runtime);
        join(outside);
        writers.join();
        ledger.check();
        let broken = handle.stats().conservation();
        assert!(broken.is_empty(), "not conserved: {broken:?}");
    });
}

mutants! {
    every_event_reaches_its_task: [
        "io-unlock-ignores-event", "io-generation-ignored", "seat-take-load-store",
        "seat-sitter-not-rung",
    ];
    two_accept_from_one_listener: ["io-unlock-ignores-event"];
    poller_seat_unique_and_never_lost: [
        "seat-unkept-by-hand-off", "seat-unkept-by-sysmon", "seat-sources-forgotten", "seat-registration-unheard", "seat-take-load-store",
    ];
    close_reaches_every_waiter: ["io-close-unheard", "io-taken-after-close"];
}
