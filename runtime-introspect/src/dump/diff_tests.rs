//! Differences of dumps that are made by hand.

use super::*;
use crate::dump::{Group, Wait};

fn site(line: u32) -> Site {
    Site { file: "src/main.rs".into(), line, column: 1 }
}

fn task(id: u64, line: u32, reason: &'static str, since: u64, polls: u64) -> TaskDump {
    let wait = Wait { reason: reason.into(), text: reason.into(), since, ..Wait::default() };
    let state_ns = Some(1_000_000_000_000 - since);
    TaskDump {
        id,
        state: State::Waiting,
        wait: Some(wait),
        spawned_at: site(line),
        polls,
        state_ns,
        ..TaskDump::default()
    }
}

fn dump(taken_unix_ms: u64, tasks: Vec<TaskDump>) -> Dump {
    let live = tasks.len() as u64;
    let runtime = RuntimeDump { id: 1, level: Level::Tasks, live, tasks, ..RuntimeDump::default() };
    Dump { schema: Dump::SCHEMA, pid: 42, taken_unix_ms, runtimes: vec![runtime], ..Dump::default() }
}

fn two() -> (Dump, Dump) {
    let running = TaskDump { state: State::Running, wait: None, state_ns: None, ..task(6, 50, "", 0, 3) };
    let before = dump(
        1_000,
        vec![
            task(1, 40, "chan receive", 10, 1),
            task(2, 40, "chan receive", 20, 1),
            task(3, 40, "sleep", 30, 7),
            task(4, 50, "join", 40, 1),
            task(5, 50, "sleep", 999_000_000_000, 1),
            running.clone(),
        ],
    );
    let mut named = task(9, 40, "chan receive", 900, 1);
    named.name = Some("nine".to_owned());
    let after = dump(
        31_000,
        vec![
            task(1, 40, "chan receive", 10, 1),
            // Another wait for the same, and a wait of the same coarse moment after a poll: both have moved.
            task(2, 40, "chan receive", 25, 2),
            task(3, 40, "sleep", 30, 8),
            task(5, 50, "sleep", 999_000_000_000, 1),
            running,
            task(8, 40, "chan receive", 900, 1),
            named,
            task(10, 40, "chan receive", 900, 1),
        ],
    );
    (before, after)
}

fn ids(tasks: &[Changed]) -> Vec<u64> {
    tasks.iter().map(|task| task.id).collect()
}

#[test]
fn a_task_is_new_or_gone_or_in_the_same_wait_or_has_moved() {
    let (before, after) = two();
    let options = Options { requests: Some(2.0), min_age: Duration::from_secs(60) };
    let diff = diff(&before, &after, &options).expect("they can be compared");
    assert_eq!((diff.span_ms, diff.before, diff.after, diff.by_task), (30_000, 6, 8, true));
    assert_eq!((ids(&diff.new), ids(&diff.gone), ids(&diff.same)), (vec![8, 9, 10], vec![4], vec![1]));
    assert_eq!((diff.moved, diff.young), (3, 1), "two moved, one runs; the young one is counted");
    let grown = &diff.sites[0];
    assert_eq!((grown.spawned_at.line, grown.before, grown.after, grown.growth), (40, 3, 6, 3));
    assert_eq!((grown.per_request, grown.new, grown.gone, grown.same), (Some(1.5), 3, 0, 1));
    let class = |class: &str, before, after| ClassGrowth { class: class.to_owned(), before, after };
    assert_eq!(grown.classes, [class("chan receive", 2, 5), class("sleep", 1, 1)]);
    assert_eq!((diff.sites[1].growth, diff.sites[1].per_request), (-1, Some(-0.5)));
    let json = serde_json::to_string(&diff).expect("it is plain data");
    assert_eq!(serde_json::from_str::<Diff>(&json).expect("it was just written"), diff);
}

#[test]
fn the_text_says_it_in_that_order() {
    let (before, after) = two();
    let options = Options { requests: Some(2.0), ..Options::default() };
    let text = "30.0s apart: 6 tasks before, 8 after (+2), 2 requests\n\
        3 new, 1 gone, 2 in the same wait, 3 moved on\n\
        \n\
        +3 spawned at src/main.rs:40: 3 -> 6, +1.50 a request, 3 new, 0 gone, 1 in the same wait\n\
        \t[chan receive] 2 -> 5\n\
        -1 spawned at src/main.rs:50: 3 -> 2, -0.50 a request, 0 new, 1 gone, 1 in the same wait\n\
        \t[join] 1 -> 0\n\
        \n\
        new:\n\
        task 8 [chan receive, 16m39s] spawned at src/main.rs:40\n\
        task 9 \"nine\" [chan receive, 16m39s] spawned at src/main.rs:40\n\
        task 10 [chan receive, 16m39s] spawned at src/main.rs:40\n\
        \n\
        gone:\n\
        task 4 [join, 16m39s] spawned at src/main.rs:50\n\
        \n\
        in the same wait:\n\
        task 1 [chan receive, 16m39s] spawned at src/main.rs:40\n\
        task 5 [sleep, 1.0s] spawned at src/main.rs:50\n";
    assert_eq!(diff(&before, &after, &options).expect("they can be compared").to_string(), text);
}

#[test]
fn groups_grow_by_place_and_say_nothing_of_tasks() {
    let group = |count, line, reason: &'static str| Group {
        count,
        reason: reason.into(),
        state: State::Waiting,
        spawned_at: site(line),
        ..Group::default()
    };
    let of = |taken_unix_ms, groups: Vec<Group>| {
        let live = groups.iter().map(|group| group.count).sum();
        let runtime = RuntimeDump { id: 1, level: Level::Groups, live, groups, ..RuntimeDump::default() };
        Dump { taken_unix_ms, runtimes: vec![runtime], ..Dump::default() }
    };
    let before = of(0, vec![group(100, 40, "sleep"), group(5, 41, "join")]);
    let after = of(60_000, vec![group(400, 40, "sleep"), group(5, 41, "join"), group(7, 40, "notify")]);
    let text = "1m0s apart: 105 tasks before, 412 after (+307)\n\
        note: tasks were not compared one by one: a dump of groups does not list them\n\
        \n\
        +307 spawned at src/main.rs:40: 100 -> 407\n\
        \t[sleep] 100 -> 400\n\
        \t[notify] 0 -> 7\n";
    assert_eq!(diff(&before, &after, &Options::default()).expect("they can be compared").to_string(), text);
}

#[test]
fn what_ids_cannot_tell_is_not_told() {
    let (before, mut after) = two();
    after.pid = 43;
    let of_two = diff(&before, &after, &Options::default()).expect("they can be compared");
    assert!(!of_two.by_task && of_two.new.is_empty() && of_two.gone.is_empty());
    assert_eq!(of_two.notes, ["tasks were not compared one by one: the dumps are of two processes"]);
    let (before, mut after) = two();
    after.runtimes[0].cut = 3;
    let cut = diff(&before, &after, &Options::default()).expect("they can be compared");
    assert!(!cut.by_task && cut.notes[0].starts_with("3 tasks were cut off"));
}

#[test]
fn what_cannot_be_compared_says_why() {
    let (before, after) = two();
    let wrong = |before: &Dump, after: &Dump, requests| {
        diff(before, after, &Options { requests, ..Options::default() }).expect_err("it is wrong").to_string()
    };
    assert!(wrong(&after, &before, None).contains("the other order"));
    for number in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(wrong(&before, &after, Some(number)).contains("above 0"));
    }
}

#[test]
fn long_lists_are_cut_in_the_text() {
    let before = dump(0, Vec::new());
    let after = dump(1, (1..=30).map(|id| task(id, 1, "sleep", 1, 1)).collect());
    let diff = diff(&before, &after, &Options::default()).expect("they can be compared");
    assert_eq!(diff.new.len(), 30);
    let text = diff.to_string();
    assert_eq!(text.matches("\ntask ").count(), NAMED_IN_TEXT);
    assert!(text.ends_with("... and 10 more\n"));
}

const NAMED_IN_TEXT: usize = 20;
