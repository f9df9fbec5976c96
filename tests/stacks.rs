//! Async stacks, from outside: what a user sees of tasks that wait in nested functions, in several places, in primitives of
//! other crates; and that looking changes nothing.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use gumption::introspect::dump::{Node, Stack};
use gumption::introspect::stack::symbols::{self, Quality};
use gumption::introspect::stack::unwind::{Frames, OwnStack, Unwinder};
use gumption::introspect::stack::{NotCaptured, capture, capture_all, on_cpu};
use gumption::runtime::{Builder, Handle, Runtime};
use gumption::sync::{Mutex, Notify, mpsc};
use gumption_core::task::Row;

const PATIENCE: Duration = Duration::from_secs(120);

fn runtime(workers: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(workers).enable_all().build().unwrap()
}

fn rows(handle: &Handle) -> Vec<Row> {
    let mut rows = Vec::new();
    handle.for_each_task(|row| rows.push(row));
    rows
}

/// Waits until `count` tasks wait, and nobody runs.
fn settled(handle: &Handle, count: usize) -> Vec<Row> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let rows = rows(handle);
        if rows.len() == count && rows.iter().all(|row| row.bits.is_idle()) {
            return rows;
        }
        assert!(Instant::now() < deadline, "{rows:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The stack of the only task that there is.
fn only(runtime: &Runtime) -> Stack {
    let rows = settled(runtime.handle(), 1);
    let mut captures = capture_all(runtime.handle(), &rows, PATIENCE);
    assert_eq!(captures.len(), 1);
    captures.remove(&rows[0].id.as_u64()).unwrap().unwrap()
}

/// `outer > inner[what it waits for]`, and what is called side by side in parentheses. Functions by their last name.
fn told(nodes: &[Node]) -> String {
    let one = |node: &Node| {
        let name = node.frame.function.rsplit("::").next().unwrap_or_default();
        let times = if node.repeated > 1 { format!("*{}", node.repeated) } else { String::new() };
        // Which packages a foreign primitive is made of is theirs to change.
        let class = |text: &str| text.split(", in ").next().unwrap_or_default().to_owned();
        let waits = node.waits.as_ref().map(|(text, _)| format!("[{}]", class(text))).unwrap_or_default();
        let inner = match &node.callees[..] {
            [] => String::new(),
            [one] => format!(" > {}", told(std::slice::from_ref(one))),
            many => format!(" > ({})", told(many)),
        };
        format!("{name}{times}{waits}{inner}")
    };
    nodes.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Compares what was told with what it ought to be; without names, if the tests were built so that there are none.
#[track_caller]
fn assert_told(nodes: &[Node], ought: &str) {
    fn nameless(told: &str) -> String {
        let (mut shape, mut in_wait, mut in_braces) = (String::new(), false, false);
        for part in told.chars() {
            in_braces |= part == '{';
            in_wait |= part == '[';
            match part {
                'a'..='z' | '_' | '{' | '}' | ' ' if in_braces || !in_wait && part != ' ' => {
                    if !shape.ends_with('f') {
                        shape.push('f');
                    }
                }
                _ => shape.push(part),
            }
            in_braces &= part != '}';
            in_wait &= part != ']';
        }
        shape
    }
    let told = told(nodes);
    match symbols::quality() {
        Quality::ShortNames => assert_eq!(nameless(&told), nameless(ought)),
        _ => assert_eq!(told, ought),
    }
}

async fn outermost(lock: Arc<Mutex<u32>>) {
    middle(&lock).await;
}

async fn middle(lock: &Mutex<u32>) {
    innermost(lock).await;
}

async fn innermost(lock: &Mutex<u32>) {
    *lock.lock().await += 1;
}

#[test]
fn nested_functions_are_named_in_order_down_to_what_they_wait_for() {
    let runtime = runtime(2);
    let lock = Arc::new(Mutex::new(0));
    let held = lock.try_lock().unwrap();
    let task = runtime.spawn(outermost(Arc::clone(&lock)));
    let stack = only(&runtime);
    assert_told(&stack.roots, "outermost > middle > innermost[sync.Mutex.Lock]");
    let (_, resource) = {
        let mut node = &stack.roots[0];
        while let [inner] = &node.callees[..] {
            node = inner;
        }
        assert!(node.frame.file.as_deref().is_some_and(|file| file.ends_with("tests/stacks.rs")), "{node:?}");
        assert_ne!(node.frame.line, 0);
        node.waits.clone().unwrap()
    };
    assert_eq!(resource, settled(runtime.handle(), 1)[0].resource, "what the record says, too");
    assert!(matches!(symbols::quality(), Quality::Full | Quality::ShortNames), "the tests have line tables");
    drop(held);
    runtime.block_on(task).unwrap();
    assert_eq!(*lock.try_lock().unwrap(), 1);
}

async fn receive(mut from: mpsc::Receiver<u32>) -> Option<u32> {
    from.recv().await
}

async fn told_of(notify: Arc<Notify>) {
    notify.notified().await;
}

async fn both(from: mpsc::Receiver<u32>, notify: Arc<Notify>) -> Option<u32> {
    let (value, ()) = gumption::join!(receive(from), told_of(notify));
    value
}

async fn either(mut left: mpsc::Receiver<u32>, mut right: mpsc::Receiver<u32>) -> Option<u32> {
    gumption::select! {
        value = left.recv() => value,
        value = right.recv() => value,
    }
}

#[test]
fn a_task_that_waits_in_two_places_is_a_tree() {
    let runtime = runtime(2);
    let (send, from) = mpsc::channel(1);
    let notify = Arc::new(Notify::new());
    let task = runtime.spawn(both(from, Arc::clone(&notify)));
    assert_told(&only(&runtime).roots, "both > (receive[chan receive], told_of[notify])");
    notify.notify_one();
    runtime.block_on(send.send(7)).unwrap();
    assert_eq!(runtime.block_on(task).unwrap(), Some(7));
}

#[test]
fn two_waits_at_one_line_stand_side_by_side() {
    let runtime = runtime(2);
    let ((left, from_left), (_right, from_right)) = (mpsc::channel(1), mpsc::channel(1));
    let task = runtime.spawn(either(from_left, from_right));
    let stack = only(&runtime);
    assert_told(&stack.roots, "either[chan receive], either[chan receive]");
    assert_ne!(stack.roots[0].waits, stack.roots[1].waits, "two channels");
    runtime.block_on(left.send(3)).unwrap();
    assert_eq!(runtime.block_on(task).unwrap(), Some(3));
}

async fn foreign(from: async_channel::Receiver<u32>) -> u32 {
    from.recv().await.unwrap_or(0)
}

async fn many(from: async_channel::Receiver<u32>) -> u32 {
    let mut all: FuturesUnordered<_> = (0..3).map(|_| foreign(from.clone())).collect();
    let mut sum = 0;
    while let Some(value) = all.next().await {
        sum += value;
    }
    sum
}

async fn first_of(from: async_channel::Receiver<u32>) -> u32 {
    futures_util::future::select(foreign(from.clone()).boxed(), foreign(from).boxed()).await.factor_first().0
}

#[test]
fn primitives_of_other_crates_are_seen_through() {
    let runtime = runtime(2);
    let (send, from) = async_channel::unbounded();
    let task = runtime.spawn(foreign(from));
    let stack = only(&runtime);
    assert_told(&stack.roots, "foreign[unknown]");
    let waits = stack.roots[0].waits.as_ref().map(|(text, _)| &**text);
    assert!(waits.is_some_and(|text| text.contains("event-listener")), "{waits:?}: which async-channel waits by");
    send.try_send(5).unwrap();
    assert_eq!(runtime.block_on(task).unwrap(), 5);

    let (send, from) = async_channel::unbounded();
    let task = runtime.spawn(many(from));
    // Its children are polled when they were woken.
    assert_told(&only(&runtime).roots, "many[unknown]");
    (0..3).for_each(|_| send.try_send(5).unwrap());
    assert_eq!(runtime.block_on(task).unwrap(), 15);

    let (send, from) = async_channel::unbounded();
    let task = runtime.spawn(first_of(from));
    assert_told(&only(&runtime).roots, "first_of > foreign[unknown]");
    send.try_send(5).unwrap();
    assert_eq!(runtime.block_on(task).unwrap(), 5);
}

fn down(levels: u32, notify: Arc<Notify>) -> Pin<Box<dyn Future<Output = u32> + Send>> {
    Box::pin(async move {
        if levels == 0 {
            notify.notified().await;
            return 0;
        }
        down(levels - 1, notify).await + 1
    })
}

#[test]
fn recursion_is_counted() {
    let runtime = runtime(2);
    let notify = Arc::new(Notify::new());
    let task = runtime.spawn(down(20, Arc::clone(&notify)));
    assert_told(&only(&runtime).roots, "down*20 > down[notify]");
    notify.notify_one();
    assert_eq!(runtime.block_on(task).unwrap(), 20);
}

#[test]
fn a_task_without_a_function_of_the_program_shows_its_type() {
    let runtime = runtime(2);
    let notify = Arc::new(Notify::new());
    let waits = Arc::clone(&notify);
    let task = runtime.spawn(std::future::pending::<u32>());
    let rows = settled(runtime.handle(), 1);
    let captures = capture_all(runtime.handle(), &rows, PATIENCE);
    assert_eq!(captures[&rows[0].id.as_u64()], Err(NotCaptured::Unseen), "nobody took the waker");
    task.abort();
    assert!(runtime.block_on(task).is_err());
    let task = runtime.spawn(waits.notified_owned());
    let stack = only(&runtime);
    assert!(stack.roots[0].frame.function.contains("OwnedNotified"), "{stack:?}");
    notify.notify_one();
    runtime.block_on(task).unwrap();
}

#[test]
fn captures_change_no_result() {
    const TASKS: u64 = 2_000;
    let runtime = runtime(4);
    let handle = runtime.handle();
    let counter = Arc::new(Mutex::new(0_u64));
    let (sum, rounds) = (Arc::new(AtomicU64::new(0)), 4);
    let (start, started) = gumption::sync::watch::channel(0);
    let tasks: Vec<_> = (0..TASKS)
        .map(|number| {
            let (counter, sum, mut started) = (Arc::clone(&counter), Arc::clone(&sum), started.clone());
            runtime.spawn(async move {
                for round in 1..=rounds {
                    started.wait_for(|seen| *seen >= round).await.unwrap();
                    *counter.lock().await += 1;
                    gumption::task::yield_now().await;
                }
                sum.fetch_add(number, Ordering::Relaxed);
                number
            })
        })
        .collect();
    settled(handle, TASKS as usize);
    let mut seen = 0;
    for capture in 0..20 {
        // Some captures meet tasks that all wait, some meet the storm.
        if capture % 5 == 4 {
            start.send_modify(|round| *round += 1);
        }
        let captures = capture_all(handle, &rows(handle), PATIENCE);
        seen += captures.values().filter(|stack| stack.is_ok()).count();
    }
    assert!(seen as u64 >= 4 * TASKS, "the first four found all of them waiting: {seen}");
    let ended = runtime.block_on(async {
        let mut ended = 0;
        for task in tasks {
            ended += task.await.unwrap();
        }
        ended
    });
    assert_eq!(ended, TASKS * (TASKS - 1) / 2);
    assert_eq!(sum.load(Ordering::Relaxed), ended);
    assert_eq!(*counter.try_lock().unwrap(), TASKS * u64::from(rounds as u32));
}

/// Waits for a notification; when it is polled for no reason, it waits for `gate`, as a thread does.
async fn blocks_when_looked_at(notify: Arc<Notify>, gate: Arc<std::sync::Mutex<()>>, looked: Arc<AtomicU64>) {
    let mut waits = std::pin::pin!(notify.notified());
    std::future::poll_fn(|context| {
        let poll = waits.as_mut().poll(context);
        if poll.is_pending() && looked.fetch_add(1, Ordering::Relaxed) > 0 {
            drop(gate.lock());
        }
        poll
    })
    .await;
}

#[test]
fn a_poll_that_does_not_come_back_costs_only_the_capture() {
    let runtime = runtime(2);
    let handle = runtime.handle();
    let (notify, gate, looked) = (Arc::new(Notify::new()), Arc::new(std::sync::Mutex::new(())), Arc::default());
    let closed = gate.lock().unwrap();
    let other = runtime.spawn(told_of(Arc::clone(&notify)));
    let task = runtime.spawn(blocks_when_looked_at(Arc::clone(&notify), Arc::clone(&gate), looked));
    let mut rows = settled(handle, 2);
    let of = |task: gumption::task::Id| rows.iter().position(|row| row.id == task).unwrap();
    let (first, hanging) = (of(other.id()), of(task.id()));
    rows.swap(0, first);
    let ids = (rows[0].id.as_u64(), rows[1].id.as_u64());
    assert_eq!(first + hanging, 1);

    let short = Duration::from_millis(200);
    assert!(capture_all(handle, &rows[..1], PATIENCE)[&ids.0].is_ok());
    let deadline = Instant::now() + PATIENCE;
    loop {
        let captures = capture_all(handle, &rows, short);
        // On a machine that is busy elsewhere the thread may not even have come to it.
        if captures[&ids.1] == Err(NotCaptured::Hangs) {
            assert!(captures[&ids.0].is_ok(), "what was there is there: {captures:?}");
            break;
        }
        // Nor may the one before have ended.
        let early = matches!(captures[&ids.1], Err(NotCaptured::Late | NotCaptured::Occupied { .. }));
        assert!(early && Instant::now() < deadline, "{captures:?}");
    }
    assert_eq!(capture::abandoned(), 1);
    let again = capture_all(handle, &rows[..1], short);
    assert_eq!(again[&ids.0], Err(NotCaptured::Occupied { task: ids.1 }), "no second one hangs");

    drop(closed);
    let deadline = Instant::now() + PATIENCE;
    while capture::abandoned() > 0 {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
    let captures = capture_all(handle, &rows, PATIENCE);
    assert!(captures.values().all(Result::is_ok), "{captures:?}");
    notify.notify_waiters();
    runtime.block_on(async { (other.await.unwrap(), task.await.unwrap()) });
}

#[inline(never)]
fn hog(stop: &AtomicU64) -> u64 {
    let mut turns = 0_u64;
    while stop.load(Ordering::Relaxed) == 0 {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
    turns
}

async fn hogging(stop: Arc<AtomicU64>) -> u64 {
    hog(&stop)
}

/// Stops a hog, also when the test fails.
struct Stops(Arc<AtomicU64>);

impl Drop for Stops {
    fn drop(&mut self) {
        self.0.store(1, Ordering::Relaxed);
    }
}

#[test]
fn a_hog_is_named_where_it_computes() {
    let runtime = runtime(2);
    let stops = Stops(Arc::default());
    let task = runtime.spawn(hogging(Arc::clone(&stops.0)));
    let deadline = Instant::now() + PATIENCE;
    loop {
        let stats = runtime.handle().stats();
        let machine = stats.machines.iter().find(|machine| machine.task == Some(task.id().as_u64()));
        let mut sees = String::new();
        if let Some(machine) = machine.filter(|machine| machine.thread_id != 0) {
            sees = told(&on_cpu(&[machine.thread_id], PATIENCE).remove(0).unwrap().roots);
        }
        // It may have been on its way there.
        if sees.starts_with("hogging > hog") || sees.starts_with("{async fn} > hog") {
            break;
        }
        assert!(Instant::now() < deadline, "{sees}");
    }
    drop(stops);
    assert!(runtime.block_on(task).unwrap() > 0);
}

#[inline(never)]
fn deep(levels: u32, inside: &mut dyn FnMut() -> usize) -> usize {
    let found = if levels == 0 { inside() } else { deep(levels - 1, inside) };
    std::hint::black_box(found)
}

/// `cargo test --release --test stacks -- --ignored --nocapture what_it_costs`
#[test]
#[ignore = "prints times, judges nothing"]
fn what_it_costs() {
    let runtime = runtime(2);
    let handle = runtime.handle();
    let lock = Arc::new(Mutex::new(0));
    let held = lock.try_lock().unwrap();
    let notify = Arc::new(Notify::new());
    let count = 10_000;
    let kinds: [(&str, &dyn Fn() -> gumption::task::JoinHandle<()>); 2] = [
        ("three functions deep", &|| runtime.spawn(outermost(Arc::clone(&lock)))),
        ("twenty boxed levels deep", &|| {
            let notify = Arc::clone(&notify);
            runtime.spawn(async { assert_eq!(down(20, notify).await, 20) })
        }),
    ];
    for (kind, spawn) in kinds {
        let tasks: Vec<_> = (0..count).map(|_| spawn()).collect();
        let rows: Vec<Row> = {
            let ids: std::collections::HashSet<_> = tasks.iter().map(|task| task.id()).collect();
            loop {
                let rows: Vec<Row> = rows(handle).into_iter().filter(|row| ids.contains(&row.id)).collect();
                if rows.iter().all(|row| row.bits.is_idle()) {
                    break rows;
                }
            }
        };
        for attempt in ["first", "again", "again"] {
            let start = Instant::now();
            let captures = capture_all(handle, &rows, PATIENCE);
            let each = start.elapsed().as_nanos() / count as u128;
            assert!(captures.values().all(Result::is_ok));
            println!("{count} tasks, {kind}, {attempt}: {each} ns a task");
        }
        println!(
            "quality: {:?}; {}",
            symbols::quality(),
            told(&capture_all(handle, &rows[..1], PATIENCE).into_values().next().unwrap().unwrap().roots)
        );
        if kind.starts_with("three") {
            tasks.iter().for_each(|task| task.abort());
        } else {
            notify.notify_waiters();
        }
        runtime.block_on(async {
            for task in tasks {
                let _ended = task.await;
            }
        });
    }
    drop(held);

    let mut unwinder = Unwinder::new().unwrap();
    let (own, mut frames) = (OwnStack::whole().unwrap(), Frames::default());
    for depth in [10, 30, 100] {
        let mut best = u128::MAX;
        let calls = deep(depth, &mut || {
            for _ in 0..50 {
                let start = Instant::now();
                for _ in 0..1_000 {
                    unwinder.record_here(&own, &mut frames);
                }
                best = best.min(start.elapsed().as_nanos() / 1_000);
            }
            frames.addresses().len()
        });
        println!("a stack of {calls} calls: {best} ns");
    }

    let stops = Stops(Arc::default());
    let (say, hear) = std::sync::mpsc::channel();
    let thread = std::thread::spawn({
        let stop = Arc::clone(&stops.0);
        move || {
            let own = std::fs::read_link("/proc/thread-self").unwrap();
            let id: u64 = own.file_name().unwrap().to_str().unwrap().parse().unwrap();
            say.send(id).is_ok() && hog(&stop) > 0
        }
    });
    let id = hear.recv().unwrap();
    let mut times: Vec<u128> = (0..2_000)
        .map(|_| {
            let start = Instant::now();
            gumption::introspect::stack::on_cpu::frames_of(&[id], PATIENCE).remove(0).unwrap();
            start.elapsed().as_nanos()
        })
        .collect();
    times.sort_unstable();
    println!("a computing thread's stack: {} ns in the median, {} ns in 99 of 100", times[1_000], times[1_980]);
    drop(stops);
    assert!(thread.join().unwrap());
}
