//! The texts of a dump that is made by hand.

use super::*;
use crate::dump::{Ancestor, Frame, Node, Stack, Wait};

fn site(line: u32) -> Site {
    Site { file: "src/main.rs".into(), line, column: 5 }
}

fn node(function: &str, line: u32, callees: Vec<Node>) -> Node {
    let frame = Frame { function: function.into(), file: Some("src/app.rs".into()), line };
    Node { frame, repeated: 1, waits: None, callees }
}

fn waiting(id: u64, reason: &'static str, ns: u64) -> TaskDump {
    TaskDump {
        id,
        type_name: "app::serve::{{closure}}".into(),
        state: State::Waiting,
        state_ns: Some(ns),
        wait: Some(Wait { text: reason.into(), reason: reason.into(), since: 1, age_ns: ns, ..Wait::default() }),
        spawned_at: site(40),
        wakers: 1,
        ..TaskDump::default()
    }
}

fn tasks() -> Dump {
    let mut locked = waiting(7, "sync.Mutex.Lock", 5_260_000);
    locked.name = Some("up\nloads".to_owned());
    locked.labels = vec![("tenant".to_owned(), "acme".to_owned()), ("path".to_owned(), "/a b".to_owned())];
    let by = |id, line| Ancestor { id, spawned_at: Some(site(line)) };
    locked.ancestors = vec![by(3, 10), by(2, 9), Ancestor { id: 1, spawned_at: None }];
    (locked.age_ns, locked.polls, locked.busy_ns, locked.last_processor) = (60_000_000_000, 12, 1_500, Some(2));
    let facts = ResourceDump {
        id: 99,
        kind: "mutex".to_owned(),
        made_at: site(12),
        owner: 9,
        waiters: 4,
        ..ResourceDump::default()
    };
    locked.wait.as_mut().expect("it waits").facts = Some(facts);
    locked.stack = Some(Stack { roots: vec![node("app::serve", 52, vec![node("app::put", 81, vec![])])] });
    let mut selects = waiting(8, "select", 192_000_000_000);
    selects.wait.as_mut().expect("it waits").text = "select of 2".into();
    let mut receives = node("app::fetch", 8, vec![]);
    (receives.repeated, receives.waits) = (3, Some(("chan receive".into(), 5)));
    let sleeps = node("app::patience", 17, vec![node("app::nap", 18, vec![])]);
    selects.stack = Some(Stack { roots: vec![node("app::both", 11, vec![receives, sleeps])] });
    let stranded = TaskDump {
        state: State::Stranded,
        wakers: 0,
        no_stack: Some("it has no leaf".into()),
        ..waiting(9, "notify", 40)
    };
    let running =
        TaskDump { state: State::Running, state_ns: None, machine: Some(3), wait: None, ..waiting(10, "", 0) };
    let closure = TaskDump { state: State::Runnable, state_ns: None, wait: None, ..waiting(11, "", 0) };
    let runtime = RuntimeDump {
        id: 1,
        name: Some("server".to_owned()),
        uptime_ns: 200_000_000_000,
        level: Level::Tasks,
        live: 9,
        tasks: vec![locked, selects, stranded, running],
        closures: vec![closure],
        processors: vec![ProcessorDump {
            state: "running".into(),
            machine: Some(3),
            task: Some(10),
            poll_ns: Some(12_300_000),
            queue_len: 3,
            timers: 1,
            ..ProcessorDump::default()
        }],
        machines: vec![MachineDump {
            id: 3,
            state: "running".into(),
            processor: Some(0),
            task: Some(10),
            thread_id: 4711,
            stack: Some(Stack { roots: vec![node("app::crunch", 3, vec![])] }),
        }],
        filtered: 2,
        cut: 3,
        notes: vec!["something is less exact".to_owned()],
        ..RuntimeDump::default()
    };
    Dump { schema: Dump::SCHEMA, pid: 42, program: "app".to_owned(), runtimes: vec![runtime], ..Dump::default() }
}

fn groups() -> Dump {
    let sleeping = Group {
        count: 12_001,
        state: State::Waiting,
        reason: "sleep".into(),
        spawned_at: site(40),
        type_name: "app::tick::{{closure}}".into(),
        oldest_ns: 10_000_000_000_000,
        stack: None,
        labels: vec![("tenant".to_owned(), "acme".to_owned())],
        examples: vec![7, 3, 4],
    };
    let locked = Group {
        count: 1,
        reason: "sync.Mutex.Lock".into(),
        spawned_at: site(41),
        stack: Some(Stack { roots: vec![node("app::serve", 52, vec![node("app::put", 81, vec![])])] }),
        labels: Vec::new(),
        examples: vec![9],
        ..sleeping.clone()
    };
    let runtime = RuntimeDump {
        id: 2,
        level: Level::Groups,
        live: 12_002,
        groups: vec![sleeping, locked],
        global_queue_len: 5,
        ..RuntimeDump::default()
    };
    Dump { runtimes: vec![runtime], ..tasks() }
}

#[test]
fn a_task_is_a_paragraph_in_the_shape_of_go() {
    let text = r#"app (process 42): 9 tasks

runtime 1 "server": 9 tasks, 0 in the global queue, up 3m20s, 2 filtered out, 3 cut off
note: something is less exact

task 7 "up\nloads" [sync.Mutex.Lock, 5.2ms] {tenant: acme, path: "/a b"}:
app::put()
	src/app.rs:81
app::serve()
	src/app.rs:52
created by task 3 at src/main.rs:40
	ancestors: task 3 at src/main.rs:10 by task 2, task 2 at src/main.rs:9 by task 1
	waits for mutex 99 made at src/main.rs:12, held by task 9, 4 wait
	app::serve::{{closure}}, spawned 1m0s ago, 12 polls, busy 1.5us, last on P2, 1 waker

task 8 [select, 3m12s]:
app::both (src/app.rs:11)
├─ app::fetch (3 times) (src/app.rs:8) [chan receive 5]
└─ app::patience (src/app.rs:17)
   app::nap (src/app.rs:18)
created at src/main.rs:40
	waits for select of 2
	app::serve::{{closure}}, 1 waker

task 9 [notify, stranded, 40ns]:
created at src/main.rs:40
	nothing is left that could wake it
	app::serve::{{closure}}, 0 wakers
	no stack: it has no leaf

task 10 [running]:
created at src/main.rs:40
	app::serve::{{closure}}, on M3

closure 11 [runnable]:
created at src/main.rs:40
	app::serve::{{closure}}

P0 running on M3, task 10 for 12.3ms, 3 queued, 1 timer
M3 running, thread 4711, P0, task 10
app::crunch()
	src/app.rs:3
"#;
    assert_eq!(tasks().to_string(), text);
}

#[test]
fn a_group_is_a_count_and_what_its_tasks_share() {
    let text = r#"app (process 42): 12002 tasks

runtime 2: 12002 tasks in 2 groups, 5 in the global queue, up 0ns
12001 @ [sleep] spawned at src/main.rs:40, the oldest 2h46m
# labels: {tenant: acme}
#	app::tick::{{closure}}
#	tasks 7, 3, 4, ...
1 @ [sync.Mutex.Lock] spawned at src/main.rs:41, 2h46m
#	app::put	src/app.rs:81
#	app::serve	src/app.rs:52
#	task 9
"#;
    assert_eq!(groups().to_string(), text);
}

#[test]
fn go_s_own_words_are_a_traceback() {
    let text = r#"goroutine 7 [sync.Mutex.Lock] {tenant: acme, path: "/a b"}:
app::put()
	src/app.rs:81
app::serve()
	src/app.rs:52
created by app::serve::{{closure}} in goroutine 3
	src/main.rs:40

goroutine 8 [select, 3 minutes]:
app::nap()
	src/app.rs:18
app::patience()
	src/app.rs:17
app::both()
	src/app.rs:11
...1 other places elided...
created by app::serve::{{closure}}
	src/main.rs:40

goroutine 9 [notify (leaked)]:
app::serve::{{closure}}()
	src/main.rs:40
created by app::serve::{{closure}}
	src/main.rs:40

goroutine 10 [running]:
app::serve::{{closure}}()
	src/main.rs:40
created by app::serve::{{closure}}
	src/main.rs:40

goroutine 11 [runnable]:
app::serve::{{closure}}()
	src/main.rs:40
created by app::serve::{{closure}}
	src/main.rs:40
"#;
    assert_eq!(Text(&tasks(), Shape::Go).to_string(), text);
}

#[test]
fn go_s_own_words_are_a_profile() {
    let text = r#"goroutine profile: total 12002
12001 @
# labels: {"tenant":"acme"}
#	app::tick::{{closure}}	src/main.rs:40

1 @
#	app::put	src/app.rs:81
#	app::serve	src/app.rs:52

"#;
    assert_eq!(Text(&groups(), Shape::Go).to_string(), text);
}

#[test]
fn trees_of_trees_are_drawn_with_their_branches() {
    let inner = node("b", 2, vec![node("c", 3, vec![]), node("d", 4, vec![])]);
    let stack = Stack { roots: vec![node("a", 1, vec![inner, node("e", 5, vec![])]), node("f", 6, vec![])] };
    let text = "├─ a (src/app.rs:1)\n│  ├─ b (src/app.rs:2)\n│  │  ├─ c (src/app.rs:3)\n│  │  └─ d (src/app.rs:4)\n\
        │  └─ e (src/app.rs:5)\n└─ f (src/app.rs:6)\n";
    assert_eq!(Places(&stack, Shape::Own).to_string(), text);
}

#[test]
fn what_a_function_waits_for_itself_stands_among_what_it_called() {
    let waits = |mut node: Node, reason: &'static str, resource| {
        node.waits = Some((reason.into(), resource));
        node
    };
    let handler = node("answer", 2, vec![waits(node("work", 3, vec![]), "sleep", 0)]);
    let roots = vec![
        waits(node("start", 1, vec![handler]), "IO read", 29),
        waits(node("start", 1, vec![]), "unknown, in hyper-util", 0),
    ];
    let text = "start (src/app.rs:1)\n├─ [IO read fd 29]\n├─ [unknown, in hyper-util]\n└─ answer (src/app.rs:2)\n   \
        work (src/app.rs:3) [sleep]\n";
    let stack = Stack { roots };
    assert_eq!(Places(&stack, Shape::Own).to_string(), text);
    let task = TaskDump { stack: Some(stack), ..waiting(7, "IO read", 2_200_000_000) };
    let runtime = RuntimeDump { level: Level::Tasks, tasks: vec![task], ..RuntimeDump::default() };
    let whole = runtime.to_string();
    assert!(whole.contains("task 7 [sleep or IO read or unknown, 2.2s]:\nstart (src/app.rs:1)\n"), "{whole}");

    let chain = Stack { roots: vec![waits(node("a", 1, vec![node("b", 2, vec![])]), "join", 4)] };
    assert_eq!(
        Places(&chain, Shape::Own).to_string(),
        "a (src/app.rs:1)\n├─ [join task 4]\n└─ b (src/app.rs:2)\n",
        "what is waited for on the way is not lost"
    );
}
