//! Random programs on random runtimes, against a model that knows how each task must end.
//!
//! A program is a forest of tasks. Each task runs a list of steps (yield, sleep, time out, wait for an event, set one,
//! block in a section or in the pool, spawn a child from here or from a foreign thread, join, abort or forget a child,
//! lock its thread) and then returns, panics, or waits for ever. Foreign threads spawn, wake, abort and join at the same
//! time. The model is small because the program says how a task ends: one that returns is joined with its own number,
//! one that panics with its own payload, one that was told to abort may also be cancelled, one that waits for ever must
//! be. Beyond that, each time: every future and every output is dropped exactly once, every joiner is answered, and at
//! rest the conservation laws hold. Half of the programs lose their runtime while they run.
//!
//! Nothing waits for something that another task may fail to do: each event is set by a foreign thread in the end. So a
//! program that does not end is a bug, and the watchdog prints what the scheduler looks like.

mod grammar;
#[path = "../support/mod.rs"]
mod support;

use grammar::{Body, EVENTS, End, Foreign, From, Knobs, Program, Step, program};
use gumption_core::driver::ThreadDriver;
use gumption_core::runtime::{Builder, Handle, Runtime, SpinLimit, StealPolicy};
use gumption_core::task::{AbortHandle, JoinError, JoinHandle};
use gumption_core::time::{Duration, sleep, timeout};
use gumption_core::{blocking, lock_os_thread, spawn, spawn_blocking, yield_now};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use support::{Event, Watchdog, at_rest, stress};

/// Counts one future or output, which must be dropped once.
struct Once(Arc<Slot>);

#[derive(Default)]
struct Slot(AtomicU64);

impl Drop for Once {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a task returns.
struct Output {
    number: u64,
    _once: Once,
}

/// A panic on purpose, of the task with this number.
struct Purpose(u64, #[allow(dead_code, reason = "its drop is what counts")] Once);

struct World {
    handle: Handle,
    events: Vec<Event>,
    slots: Mutex<Vec<Arc<Slot>>>,
    numbers: AtomicU64,
    wrongs: Mutex<Vec<String>>,
    /// The runtime is, or may be, going away: tasks may be cancelled.
    closing: AtomicBool,
    /// A blocked machine can be replaced, so that a section may wait for a task.
    replaceable: bool,
    /// Enough machines for tasks that keep one each.
    lockable: bool,
}

impl World {
    fn once(&self) -> Once {
        let slot = Arc::new(Slot::default());
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).push(slot.clone());
        Once(slot)
    }

    fn wrong(&self, what: String) {
        self.wrongs.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    fn closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }
}

/// A task that somebody may join, with what the model knows of it.
struct Child {
    number: u64,
    end: End,
    abort_asked: bool,
    handle: JoinHandle<Output>,
}

impl Child {
    fn abort(&mut self) {
        self.abort_asked = true;
        self.handle.abort();
    }

    async fn join(mut self, world: &World) {
        if self.end == End::Forever {
            self.abort();
        }
        let joined = (&mut self.handle).await;
        self.check(world, joined);
        if !self.handle.is_finished() {
            world.wrong(format!("task {} was joined and is not finished", self.number));
        }
    }

    fn check(&self, world: &World, joined: Result<Output, JoinError>) {
        let right = match joined {
            Ok(output) => self.end == End::Return && output.number == self.number,
            Err(error) if error.is_cancelled() => self.abort_asked || world.closing(),
            Err(error) => {
                let payload = error.into_panic().downcast::<Purpose>();
                self.end == End::Panic && payload.is_ok_and(|payload| payload.0 == self.number)
            }
        };
        if !right {
            world.wrong(format!("task {}, which should {:?}, ended otherwise", self.number, self.end));
        }
    }
}

/// Spawns a task that runs `body`, in the way of `by`.
fn start(world: &Arc<World>, body: &Arc<Body>, by: impl FnOnce(Padded) -> JoinHandle<Output>) -> Child {
    let number = world.numbers.fetch_add(1, Ordering::Relaxed);
    let handle = by(run(world.clone(), body.clone(), number, world.once()));
    Child { number, end: body.end, abort_asked: false, handle }
}

type Padded = Pin<Box<dyn Future<Output = Output> + Send>>;

async fn padded<const N: usize>(run: Padded) -> Output {
    let pad = [N as u8; N];
    let output = run.await;
    assert!(pad.iter().all(|&byte| byte == N as u8), "a task's memory was overwritten");
    output
}

/// Spawns a future of a size that `pad` chooses, so that small and large bodies are recycled.
fn spawn_sized(handle: Option<&Handle>, pad: u8, run: Padded) -> JoinHandle<Output> {
    macro_rules! go {
        ($future:expr) => {
            match handle {
                Some(handle) => handle.spawn($future),
                None => spawn($future),
            }
        };
    }
    match pad % 5 {
        0 => go!(run),
        1 => go!(padded::<24>(run)),
        2 => go!(padded::<300>(run)),
        3 => go!(padded::<3_000>(run)),
        _ => go!(padded::<9_000>(run)),
    }
}

fn run(world: Arc<World>, body: Arc<Body>, number: u64, once: Once) -> Padded {
    Box::pin(async move {
        let _once = once;
        let mut children = VecDeque::new();
        let mut locks = Vec::new();
        for step in &body.steps {
            if matches!(step, Step::Lock) && world.lockable {
                locks.push((lock_os_thread(), std::thread::current().id()));
            } else if matches!(step, Step::Unlock) {
                locks.pop();
            } else {
                take(&world, step, &mut children).await;
            }
            if locks.last().is_some_and(|(_, thread)| *thread != std::thread::current().id()) {
                world.wrong(format!("task {number} left the thread that it is locked to"));
            }
        }
        drop(locks);
        match body.end {
            End::Return => Output { number, _once: world.once() },
            // Past the panic hook, which would print.
            End::Panic => resume_unwind(Box::new(Purpose(number, world.once()))),
            End::Forever => {
                let _kept = children;
                std::future::pending().await
            }
        }
    })
}

async fn take(world: &Arc<World>, step: &Step, children: &mut VecDeque<Child>) {
    match step {
        Step::Yield(times) => {
            for _ in 0..*times {
                yield_now().await;
            }
        }
        Step::Sleep(micros) => sleep(Duration::from_micros(u64::from(*micros))).await,
        Step::TimeOut { sleeps, inner_ends } => {
            let short = Duration::from_micros(u64::from(*sleeps));
            let ended = if *inner_ends {
                timeout(Duration::from_secs(600), sleep(short)).await.is_ok()
            } else {
                timeout(short, std::future::pending::<()>()).await.is_ok()
            };
            if ended != *inner_ends {
                world.wrong(format!("{step:?} ended the other way"));
            }
        }
        Step::Wait(event) => world.events[*event].wait().await,
        Step::Set(event, how) => world.events[*event].set_by(*how),
        Step::Section(micros) => blocking(|| std::thread::sleep(Duration::from_micros(u64::from(*micros)))),
        Step::Closure { sleeps, panics, abort } => {
            let (once, output) = (world.once(), world.once());
            let (sleeps, panics) = (u64::from(*sleeps), *panics);
            let closure = spawn_blocking(move || {
                let _once = once;
                std::thread::sleep(Duration::from_micros(sleeps));
                if panics {
                    resume_unwind(Box::new(Purpose(u64::MAX, output)));
                }
                output
            });
            if *abort {
                closure.abort();
            }
            let right = match closure.await {
                Ok(_) => !panics,
                Err(error) if error.is_cancelled() => *abort || world.closing(),
                Err(_) => panics,
            };
            if !right {
                world.wrong(format!("{step:?} ended otherwise"));
            }
        }
        Step::BlockOn(body) => {
            if world.replaceable {
                let (world, body) = (world.clone(), body.clone());
                blocking(|| {
                    let child = start(&world, &body, |run| world.handle.spawn(run));
                    world.handle.block_on(child.join(&world));
                });
            }
        }
        Step::Spawn { body, from, keep, pad } => {
            let child = match from {
                From::Here => start(world, body, |run| spawn_sized(None, *pad, run)),
                From::Thread => {
                    let (world, body, pad) = (world.clone(), body.clone(), *pad);
                    std::thread::spawn(move || start(&world, &body, |run| spawn_sized(Some(&world.handle), pad, run)))
                        .join()
                        .expect("a spawn from outside does not panic")
                }
            };
            if *keep {
                children.push_back(child);
            }
        }
        Step::Join => {
            if let Some(child) = children.pop_front() {
                child.join(world).await;
            }
        }
        Step::Abort { join } => {
            if let Some(mut child) = children.pop_back() {
                child.abort();
                if *join {
                    child.join(world).await;
                }
            }
        }
        Step::Stats => {
            // Never stops or wakes anybody; here only against crashes.
            let stats = world.handle.stats();
            if stats.config.processors == 0 {
                world.wrong("a runtime without processors".to_owned());
            }
        }
        Step::Lock | Step::Unlock => {}
    }
}

fn foreign(world: &Arc<World>, steps: &[Foreign], roots: &[AbortHandle]) {
    let mut children = VecDeque::new();
    for step in steps {
        match step {
            Foreign::Spawn(body) => {
                children.push_back(start(world, body, |run| world.handle.spawn(run)));
            }
            Foreign::Set(event, how) => world.events[*event].set_by(*how),
            Foreign::AbortRoot(root) => roots[root % roots.len()].abort(),
            Foreign::JoinOne => {
                if let Some(child) = children.pop_front() {
                    // What it waits for is set by somebody in the end, so set it now.
                    world.events.iter().for_each(Event::set);
                    world.handle.block_on(child.join(world));
                }
            }
            Foreign::Forget => drop(children.pop_front()),
            Foreign::Pause(micros) => std::thread::sleep(Duration::from_micros(u64::from(*micros))),
            Foreign::Stats => drop(world.handle.stats()),
        }
    }
    world.events.iter().for_each(Event::set);
    for child in children {
        world.handle.block_on(child.join(world));
    }
}

fn build(knobs: &Knobs) -> Runtime {
    let mut builder =
        if knobs.multi { Builder::<ThreadDriver>::new_multi_thread() } else { Builder::new_current_thread() };
    if knobs.multi {
        builder.processors(knobs.processors);
    }
    if let Some(most) = knobs.spin {
        builder.spin_limit(SpinLimit::AtMost(most));
    }
    if let Some(spares) = knobs.spares {
        builder.spare_processors(spares);
    }
    if let Some(more) = knobs.machines {
        builder.max_machines(knobs.processors + more);
    }
    builder
        .next_slot_cap(knobs.next_slot_cap)
        .global_interval(knobs.global_interval)
        .event_interval(knobs.event_interval)
        .steal_policy(if knobs.steal { StealPolicy::Half } else { StealPolicy::Off })
        .next_slot_rescue(knobs.rescue)
        .driver_rescue(knobs.rescue)
        .idle_mask(knobs.mask)
        .timer_steal(knobs.timer_steal)
        .retake(knobs.retake)
        .sysmon(knobs.sysmon)
        .max_blocking_threads(knobs.closures)
        .thread_keep_alive(Duration::from_millis(knobs.keep_alive))
        .slice(Duration::from_millis(knobs.slice))
        .seed(knobs.seed)
        .enable_all()
        .build()
        .expect("a runtime can be built")
}

fn execute(program: &Program) -> Result<(), TestCaseError> {
    let knobs = &program.knobs;
    let watchdog = Watchdog::new(program);
    let runtime = build(knobs);
    watchdog.watch(runtime.handle());
    let world = Arc::new(World {
        handle: runtime.handle().clone(),
        events: (0..EVENTS).map(|_| Event::default()).collect(),
        slots: Mutex::default(),
        numbers: AtomicU64::new(1),
        wrongs: Mutex::default(),
        closing: AtomicBool::new(program.dropped_early),
        replaceable: knobs.multi && knobs.sysmon && knobs.retake && knobs.machines.is_none(),
        lockable: knobs.machines.is_none(),
    });
    let mut roots: Vec<_> = program.roots.iter().map(|body| start(&world, body, |run| runtime.spawn(run))).collect();
    let aborts: Vec<_> = roots.iter().map(|root| root.handle.abort_handle()).collect();
    for (i, root) in roots.iter_mut().enumerate() {
        let aborted = program.threads.iter().flatten().any(|step| match step {
            Foreign::AbortRoot(root) => root % aborts.len() == i,
            _ => false,
        });
        root.abort_asked |= aborted;
    }
    let done: Vec<_> = program.threads.iter().map(|_| Arc::new(Event::default())).collect();
    let threads: Vec<_> = program
        .threads
        .iter()
        .zip(&done)
        .map(|(steps, done)| {
            let (world, steps, aborts, done) = (world.clone(), steps.clone(), aborts.clone(), done.clone());
            std::thread::spawn(move || {
                foreign(&world, &steps, &aborts);
                done.set();
            })
        })
        .collect();
    if program.dropped_early {
        if !knobs.multi {
            runtime.block_on(yield_now());
        }
        drop(runtime);
        // Nobody runs them any more: each joiner has its answer at once.
        for root in roots {
            prop_assert!(root.handle.is_finished(), "task {} survived its runtime", root.number);
            world.handle.block_on(root.join(&world));
        }
        for thread in threads {
            prop_assert!(thread.join().is_ok(), "a foreign thread panicked");
        }
    } else {
        runtime.block_on(async {
            for root in roots {
                root.join(&world).await;
            }
            for done in &done {
                done.wait().await;
            }
        });
        for thread in threads {
            prop_assert!(thread.join().is_ok(), "a foreign thread panicked");
        }
        // A thread of the blocking pool may still be waking the joiner of its last closure.
        at_rest(runtime.handle());
        world.closing.store(true, Ordering::Release);
        drop(runtime);
    }
    let stats = world.handle.stats();
    prop_assert_eq!(stats.totals.tasks_live, 0);
    prop_assert_eq!(stats.conservation(), vec![], "after the end");
    let wrongs = std::mem::take(&mut *world.wrongs.lock().unwrap());
    prop_assert!(wrongs.is_empty(), "{wrongs:#?}");
    let slots = std::mem::take(&mut *world.slots.lock().unwrap());
    drop(aborts);
    for (i, slot) in slots.iter().enumerate() {
        let drops = slot.0.load(Ordering::Relaxed);
        prop_assert_eq!(drops, 1, "future or output {} of {} was dropped {} times", i, slots.len(), drops);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96 * stress() as u32,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn programs_end_as_the_model_says(program in program()) {
        execute(&program)?;
    }
}
