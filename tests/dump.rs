//! Dumps of real runtimes: what every task is doing, and that the counts add up.

#[path = "support/until.rs"]
mod until;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use gumption::introspect::Inspect;
use gumption::introspect::dump::{Dump, Filter, Group, Level, Options, RuntimeDump, State, TaskDump};
use gumption::net::TcpListener;
use gumption::runtime::{Builder, Runtime};
use gumption::sync::{Mutex, mpsc};
use gumption::time::{Duration, sleep};
use gumption::wait::WaitReason;
use until::{until_some, until_waiting};

/// Of two processors, also on a machine that is so busy that a poll takes long.
fn runtime() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.processors(2).spare_processors(0).max_blocking_threads(1);
    builder.enable_all().build().expect("it starts")
}

fn options(set: impl FnOnce(&mut Options)) -> Options {
    let mut options = Options::default();
    set(&mut options);
    options
}

fn filter(conditions: &[(&str, &str)]) -> Filter {
    let mut filter = Filter::default();
    for (key, value) in conditions {
        assert_eq!(filter.set(key, value), Ok(true));
    }
    filter
}

fn of<'a>(dump: &'a RuntimeDump, reason: &str) -> Vec<&'a TaskDump> {
    dump.tasks.iter().filter(|task| task.wait.as_ref().is_some_and(|wait| wait.reason == reason)).collect()
}

fn accounts_for_all(dump: &RuntimeDump) {
    let counted: u64 = dump.groups.iter().map(|group| group.count).sum();
    assert_eq!(counted + dump.filtered + dump.cut, dump.live);
}

#[test]
fn a_task_tells_what_it_waits_for_whose_that_is_and_since_when() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    let mutex = Arc::new(Mutex::new(()));
    let owner = handle.spawn({
        let mutex = mutex.clone();
        async move {
            let _guard = mutex.lock().await;
            sleep(Duration::from_secs(86_400)).await;
        }
    });
    until_waiting(&handle, 1, WaitReason::Sleep);
    let line = line!() + 1;
    let waiter = handle.spawn(async move { drop(mutex.lock().await) });
    let joiner = handle.spawn(async move { drop(waiter.await) });
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let accepts = handle.spawn(async move { drop(listener.accept().await) });
    until_waiting(&handle, 1, WaitReason::Mutex);
    until_waiting(&handle, 1, WaitReason::Join);
    until_waiting(&handle, 1, WaitReason::IoAccept);

    let first = handle.dump(Level::Tasks);
    assert_eq!((first.live, first.tasks.len(), first.cut, first.filtered), (4, 4, 0, 0));
    assert!(first.tasks.is_sorted_by_key(|task| task.id));
    assert_eq!((first.id, first.level, first.processors.len()), (handle.id().as_u64(), Level::Tasks, 2));
    assert!(first.machines.iter().all(|machine| machine.thread_id != 0 || machine.state == "starting"));

    let [locked] = of(&first, "sync.Mutex.Lock")[..] else { panic!("{first}") };
    assert_eq!(
        (locked.state, locked.spawned_at.file.as_ref(), locked.spawned_at.line),
        (State::Waiting, file!(), line)
    );
    assert!(locked.type_name.contains("a_task_tells"), "{}", locked.type_name);
    assert_eq!(locked.wakers, 1);
    let wait = locked.wait.clone().expect("it waits");
    let facts = wait.facts.expect("a mutex is one of ours");
    assert_eq!(
        (facts.kind.as_str(), facts.id, facts.owner, facts.waiters),
        ("mutex", wait.resource, owner.id().as_u64(), 1)
    );
    assert_eq!(facts.made_at.file, file!());
    let [joins] = of(&first, "join")[..] else { panic!("{first}") };
    assert_eq!(joins.wait.clone().expect("it waits").text, format!("join task {}", locked.id));
    let [accepting] = of(&first, "IO accept")[..] else { panic!("{first}") };
    assert!(accepting.wait.clone().expect("it waits").text.contains(&address.to_string()));

    // It goes on waiting, and the wait is the same one, and older.
    let second = until_some("the clock to go on", || {
        let dump = handle.dump(Level::Tasks);
        (of(&dump, "sync.Mutex.Lock")[0].state_ns > locked.state_ns).then_some(dump)
    });
    let later = of(&second, "sync.Mutex.Lock")[0].wait.clone().expect("it waits");
    assert_eq!(later.since, wait.since);
    assert!(later.age_ns > wait.age_ns);
    let text = second.to_string();
    assert!(text.contains(&format!("\ntask {} [sync.Mutex.Lock, ", locked.id)), "{text}");
    assert!(text.contains(&format!("\twaits for mutex {} made at {}:", wait.resource, file!())), "{text}");
    for task in [owner.abort_handle(), joiner.abort_handle(), accepts.abort_handle()] {
        task.abort();
    }
}

#[test]
fn groups_count_what_level_two_lists() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    let mut kept = Vec::new();
    for n in 0..60 {
        let (tx, mut rx) = mpsc::channel::<()>(1);
        kept.push(tx);
        match n % 3 {
            0 => drop(handle.spawn(async { sleep(Duration::from_secs(86_400)).await })),
            _ => drop(handle.spawn(async move { rx.recv().await })),
        }
    }
    until_waiting(&handle, 20, WaitReason::Sleep);
    until_waiting(&handle, 40, WaitReason::ChanRecv);
    // A receiver without a sender is told so; a future without a waker never hears of anything.
    drop(handle.spawn(std::future::pending::<()>()));
    let stranded = || handle.dump(Level::Tasks).tasks.into_iter().find(|task| task.state == State::Stranded);
    let stranded = until_some("a stranded task", stranded);
    assert_eq!(stranded.wakers, 0);

    let groups = handle.dump(Level::Groups);
    let by = |dump: &RuntimeDump| -> Vec<(u64, String)> {
        dump.groups.iter().map(|group| (group.count, group.reason.to_string())).collect()
    };
    assert_eq!(by(&groups), [(40, "chan receive".into()), (20, "sleep".into()), (1, "unknown".into())]);
    assert_eq!((groups.live, groups.cut, groups.filtered), (61, 0, 0));
    assert!(groups.tasks.is_empty());
    accounts_for_all(&groups);
    let tasks = handle.dump(Level::Tasks);
    for group in &groups.groups {
        let is_in = |task: &&TaskDump| task.state == group.state && task.spawned_at == group.spawned_at;
        assert_eq!(tasks.tasks.iter().filter(is_in).count() as u64, group.count);
        assert!(group.examples.iter().all(|id| tasks.tasks.iter().any(|task| task.id == *id)));
    }

    let cut = handle.dump_with(Level::Groups, &options(|options| options.rows = 1));
    assert_eq!((by(&cut), cut.cut, cut.live), (vec![(40, "chan receive".into())], 21, 61));
    accounts_for_all(&cut);
    let cut = handle.dump_with(Level::Tasks, &options(|options| options.rows = 2));
    assert_eq!((cut.tasks.len(), cut.cut, cut.live), (2, 59, 61));
    assert!(cut.tasks.iter().any(|task| task.id == stranded.id), "what can never run again stays");
    let none = handle.dump_with(Level::Tasks, &options(|options| options.rows = 0));
    assert_eq!((none.tasks.len(), none.cut), (0, 61));

    let asleep = options(|options| options.filter = filter(&[("reason", "sleep")]));
    let asleep_groups = handle.dump_with(Level::Groups, &asleep);
    assert_eq!((by(&asleep_groups), asleep_groups.filtered), (vec![(20, "sleep".into())], 41));
    accounts_for_all(&asleep_groups);
    assert_eq!(handle.dump_with(Level::Tasks, &asleep).tasks.len(), 20);
    let here = format!("{}:{}", stranded.spawned_at.file, stranded.spawned_at.line);
    let here = options(|options| options.filter = filter(&[("site", &here)]));
    assert_eq!(handle.dump_with(Level::Tasks, &here).tasks.len(), 1);
    assert_eq!(handle.dump_with(Level::Groups, &here).filtered, 60);
    let young = options(|options| options.filter = filter(&[("min-age", "1h")]));
    assert_eq!(handle.dump_with(Level::Groups, &young).filtered, 61);
    drop(kept);
}

#[test]
fn who_runs_and_who_stands_in_a_queue_is_told_while_every_processor_is_hogged() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    let stop = Arc::new(AtomicBool::new(false));
    for _ in 0..2 {
        let stop = stop.clone();
        drop(handle.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        }));
    }
    let blocks = stop.clone();
    let held = handle.spawn_blocking(move || {
        while !blocks.load(Ordering::Relaxed) {
            thread::yield_now();
        }
    });
    let queued = handle.spawn_blocking(|| ());
    let is = |state| move |task: &&TaskDump| task.state == state;
    let hogged = until_some("two hogs and a closure that run", || {
        let dump = handle.dump(Level::Tasks);
        let runs = (
            dump.tasks.iter().filter(is(State::Running)).count(),
            dump.closures.iter().filter(is(State::Running)).count(),
        );
        (runs == (2, 1)).then_some(dump)
    });
    assert!(hogged.tasks.iter().all(|task| task.machine.is_some() && task.wait.is_none()));
    let running: Vec<u64> = hogged.processors.iter().filter_map(|row| row.task).collect();
    assert!(hogged.tasks.iter().all(|task| running.contains(&task.id)));
    assert_eq!(hogged.closures.iter().filter(is(State::Runnable)).count(), 1);
    assert_eq!(hogged.closures.iter().find(is(State::Running)).map(|task| task.id), Some(held.id().as_u64()));
    stop.store(true, Ordering::Relaxed);
    runtime.block_on(async {
        held.await.expect("it ends");
        queued.await.expect("it runs");
    });
}

#[test]
fn a_dump_of_the_process_has_all_runtimes_and_the_tasks_of_local_sets() {
    let (one, other) = (runtime(), runtime());
    for runtime in [&one, &other] {
        drop(runtime.spawn(async { sleep(Duration::from_secs(86_400)).await }));
        until_waiting(runtime.handle(), 1, WaitReason::Sleep);
    }
    let set = gumption::task::LocalSet::new();
    let dump = set.block_on(&one, async {
        let line = line!() + 1;
        let local = gumption::task::spawn_local(async { sleep(Duration::from_secs(86_400)).await });
        gumption::task::yield_now().await;
        let dump = Dump::of_process(Level::Tasks, &Options::default());
        let local_line = |task: &TaskDump| (task.id == local.id().as_u64()).then_some(task.spawned_at.line);
        let locals = dump.runtimes.iter().filter(|runtime| runtime.id == 0).flat_map(|runtime| &runtime.tasks);
        assert_eq!(locals.filter_map(local_line).collect::<Vec<_>>(), [line]);
        dump
    });
    assert_eq!((dump.schema, dump.pid), (Dump::SCHEMA, std::process::id()));
    for runtime in [&one, &other] {
        let id = runtime.handle().id().as_u64();
        let found = dump.runtimes.iter().find(|dump| dump.id == id).expect("it runs");
        assert!(!of(found, "sleep").is_empty());
    }
    assert_eq!(Dump::from_json(&dump.to_json()).expect("it was just written"), dump);
    assert!(dump.to_string().contains("\nlocal sets: "));
    let largest = |groups: &[Group]| groups.is_sorted_by(|a, b| a.count >= b.count);
    assert!(Dump::of_process(Level::Groups, &Options::default()).runtimes.iter().all(|one| largest(&one.groups)));
}

#[test]
fn labels_are_shown_and_chosen_by() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    let asleep = || async { sleep(Duration::from_secs(86_400)).await };
    let spawn = |tenant: Option<&'static str>| {
        drop(handle.spawn(async move {
            if let Some(tenant) = tenant {
                gumption::task::labels::set("tenant", tenant);
                gumption::task::labels::set("shard", "7");
            }
            sleep(Duration::from_secs(86_400)).await;
        }));
    };
    spawn(Some("acme"));
    spawn(Some("acme"));
    until_waiting(&handle, 2, WaitReason::Sleep);
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let both = handle.dump(Level::Groups);
    assert_eq!(both.groups[0].labels, [pair("shard", "7"), pair("tenant", "acme")]);
    spawn(Some("umbrella"));
    until_waiting(&handle, 3, WaitReason::Sleep);
    assert_eq!(handle.dump(Level::Groups).groups[0].labels, [pair("shard", "7")], "what all of them have");
    spawn(None);
    drop(handle.spawn(asleep()));
    until_waiting(&handle, 5, WaitReason::Sleep);
    assert!(handle.dump(Level::Groups).groups.iter().all(|group| group.labels.is_empty()));

    let of_one = options(|options| options.filter = filter(&[("label", "tenant:umbrella"), ("label", "shard:7")]));
    let [task] = &handle.dump_with(Level::Tasks, &of_one).tasks[..] else { panic!("one is labelled so") };
    assert_eq!(task.labels, [pair("shard", "7"), pair("tenant", "umbrella")]);
    let groups = handle.dump_with(Level::Groups, &of_one);
    assert_eq!((groups.groups[0].count, groups.filtered), (1, 4));
    accounts_for_all(&groups);
    let text = handle.dump_with(Level::Tasks, &of_one).to_string();
    assert!(text.contains("] {shard: 7, tenant: umbrella}:\n"), "{text}");
}

/// Where its tasks wait: with `stacks`, and long enough for a busy machine.
fn with_stacks() -> Options {
    options(|options| {
        options.stacks = true;
        options.deadline = Duration::from_secs(60);
    })
}

async fn patient_handler(mut inbox: mpsc::Receiver<()>) {
    next_message(&mut inbox).await;
}

async fn next_message(inbox: &mut mpsc::Receiver<()>) {
    let _ = inbox.recv().await;
}

#[test]
fn a_task_that_waits_shows_where_and_groups_go_by_it() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    let mut kept = Vec::new();
    for n in 0..6 {
        let (tx, mut rx) = mpsc::channel(1);
        kept.push(tx);
        // One place, one type, two stacks.
        drop(
            handle
                .spawn(async move { if n % 3 == 0 { next_message(&mut rx).await } else { patient_handler(rx).await } }),
        );
    }
    until_waiting(&handle, 6, WaitReason::ChanRecv);
    let tasks = handle.dump_with(Level::Tasks, &with_stacks());
    assert!(tasks.tasks.iter().all(|task| task.stack.is_some()), "{tasks}");
    let text = tasks.to_string();
    assert_eq!(text.matches("next_message()\n\t").count(), 6, "{text}");
    assert_eq!(text.matches("patient_handler()\n\t").count(), 4, "{text}");
    let groups = handle.dump_with(Level::Groups, &with_stacks());
    assert_eq!(groups.groups.iter().map(|group| group.count).collect::<Vec<_>>(), [4, 2], "{groups}");
    accounts_for_all(&groups);
    let dump = Dump { runtimes: vec![groups], ..Dump::default() };
    let folded = dump.to_folded();
    assert!(
        folded.lines().any(|line| line.contains("patient_handler;") && line.ends_with(";[chan receive] 4")),
        "{folded}"
    );
    assert_eq!(handle.dump(Level::Groups).groups.len(), 1, "without stacks they are alike");
    drop(kept);
}

#[test]
fn who_is_not_listed_is_not_polled() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    let polls = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counted = polls.clone();
    drop(handle.spawn(std::future::poll_fn(move |context| {
        counted.fetch_add(1, Ordering::Relaxed);
        // It can be woken, so it is not over.
        std::mem::forget(context.waker().clone());
        std::task::Poll::<()>::Pending
    })));
    until_waiting(&handle, 1, WaitReason::Unknown);
    let polled = || polls.load(Ordering::Relaxed);
    assert_eq!(polled(), 1);
    let mut others = with_stacks();
    others.filter = filter(&[("reason", "sleep")]);
    for level in [Level::Groups, Level::Tasks] {
        drop(handle.dump_with(level, &others));
        drop(handle.dump(level));
    }
    let mut none = with_stacks();
    none.rows = 0;
    drop(handle.dump_with(Level::Tasks, &none));
    assert_eq!(polled(), 1);
    let dump = handle.dump_with(Level::Tasks, &with_stacks());
    assert_eq!(polled(), 2, "{dump}");
    assert_eq!(dump.tasks[0].polls, 1, "a look is no poll of its own");
}

fn crunch_numbers(stop: &AtomicBool) -> u64 {
    let mut sum = 0u64;
    while !stop.load(Ordering::Relaxed) {
        sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(7));
    }
    sum
}

#[test]
fn a_hog_shows_where_it_runs() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    let stop = Arc::new(AtomicBool::new(false));
    let hog = handle.spawn({
        let stop = stop.clone();
        async move { crunch_numbers(&stop) }
    });
    let options = options(|options| {
        options.on_cpu = true;
        options.deadline = Duration::from_secs(60);
    });
    // It may be seen on its way there.
    let dump = until_some("the hog's stack", || {
        let dump = handle.dump_with(Level::Tasks, &options);
        let runs = dump.tasks.iter().any(|task| task.state == State::Running && task.stack.is_some());
        (runs && dump.to_string().contains("crunch_numbers()\n\t")).then_some(dump)
    });
    let machine = dump.machines.iter().find(|machine| machine.task == Some(hog.id().as_u64())).expect("it runs");
    assert_eq!(machine.stack, dump.tasks[0].stack);
    let groups = handle.dump_with(Level::Groups, &options);
    assert!(groups.groups.iter().any(|group| group.stack.is_some()), "{groups}");
    stop.store(true, Ordering::Relaxed);
    runtime.block_on(hog).expect("it ends");
}

#[test]
fn a_task_tells_who_spawned_it_and_who_spawned_that() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    fn nest(depth: u32) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            if depth > 0 {
                drop(gumption::spawn(nest(depth - 1)));
            }
            sleep(Duration::from_secs(86_400)).await;
        })
    }
    let first = handle.spawn(nest(6));
    until_waiting(&handle, 7, WaitReason::Sleep);
    let dump = handle.dump(Level::Tasks);
    let parent = |id: u64| {
        let task = dump.tasks.iter().find(|task| task.id == id)?;
        task.ancestors.first().map(|ancestor| ancestor.id)
    };
    let mut depths: Vec<usize> = dump.tasks.iter().map(|task| task.ancestors.len()).collect();
    depths.sort_unstable();
    assert_eq!(depths, [0, 1, 2, 3, 4, 4, 4], "four at most");
    for task in &dump.tasks {
        assert_eq!(task.polls, 1);
        assert!(task.last_processor.is_some_and(|processor| processor < 2));
        for pair in task.ancestors.windows(2) {
            assert_eq!(parent(pair[0].id), Some(pair[1].id));
            assert_eq!(pair[0].spawned_at.as_ref().map(|site| site.file.as_ref()), Some(file!()));
        }
    }
    // One of which only the descendants are listed, and then none of which lives.
    let deepest = dump.tasks.iter().max_by_key(|task| (task.ancestors.len(), task.id)).expect("there are seven");
    let one = options(|options| options.rows = 1);
    let alone = &handle.dump_with(Level::Tasks, &one).tasks[0];
    let listed = dump.tasks.iter().find(|task| task.id == alone.id).expect("it is one of them");
    assert_eq!(alone.ancestors, listed.ancestors, "ancestors need not be listed themselves");
    let parent = deepest.ancestors[0].id;
    let text = dump.to_string();
    assert!(text.contains(&format!("\ncreated by task {parent} at {}:", file!())), "{text}");
    first.abort();
    assert!(runtime.block_on(first).is_err());
    let orphan = handle.dump(Level::Tasks);
    assert_eq!(orphan.live, 6);
    let child = orphan.tasks.iter().find(|task| task.ancestors.len() == 1).expect("its parent has gone");
    assert_eq!(child.ancestors[0].spawned_at, None);
}
