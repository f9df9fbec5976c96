//! Lesson 3: the next slot. Two tasks that talk to each other, and a crowd in the queue between them.
//!
//! *Ping* and *pong* play: each stroke wakes the other. Three more tasks (A, B, C) only yield, so the queue is never empty.
//! With a plain queue each stroke waits for the whole crowd. The *next slot* (Go's `runnext`) holds the one task that was
//! woken last, ahead of the queue: what the running task has just sent is still in the cache, and the answer comes at once.
//!
//! But a rally that always comes first would keep the crowd waiting as long as it lasts. So after a few runs in a row from
//! the slot its task goes to the queue's tail: the *cap*, 3 by default.
//!
//! Each run of the game is drawn in two lanes, one column for each run, from left to right.

use gumption::runtime::Builder;
use gumption::stats::SchedulerStats;
use gumption::task::yield_now;
use gumption_examples::Lesson;
use std::future::poll_fn;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

const STROKES: usize = 24;
const CROWD: [char; 3] = ['A', 'B', 'C'];
const PLAYERS: [char; 2] = ['›', '‹'];

/// What everybody shares: whose turn it is, and who ran when.
#[derive(Default)]
struct Table {
    turn: usize,
    strokes: usize,
    waiting: [Option<Waker>; 2],
    runs: Vec<char>,
}

async fn player(me: usize, table: Arc<Mutex<Table>>) {
    loop {
        let over = poll_fn(|cx| {
            let mut table = table.lock().expect("nobody panics");
            if table.turn == me || table.strokes == STROKES {
                return Poll::Ready(table.strokes == STROKES);
            }
            table.waiting[me] = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
        if over {
            return;
        }
        let other = {
            let mut table = table.lock().expect("nobody panics");
            table.runs.push(PLAYERS[me]);
            table.strokes += 1;
            table.turn = 1 - me;
            table.waiting[1 - me].take()
        };
        if let Some(other) = other {
            other.wake();
        }
    }
}

async fn onlooker(name: char, table: Arc<Mutex<Table>>) {
    for _ in 0..STROKES {
        table.lock().expect("nobody panics").runs.push(name);
        yield_now().await;
    }
}

/// Plays one game; who ran in which order until the last stroke, and what the runtime counted.
fn play(next_slot_cap: u32) -> std::io::Result<(Vec<char>, SchedulerStats)> {
    let runtime = Builder::new_current_thread().next_slot_cap(next_slot_cap).enable_all().build()?;
    let table = Arc::new(Mutex::new(Table::default()));
    runtime.block_on(async {
        // Now this thread has the P, so what it spawns goes to the P's own queue and slot.
        yield_now().await;
        let mut tasks: Vec<_> = CROWD.into_iter().map(|name| gumption::spawn(onlooker(name, table.clone()))).collect();
        tasks.push(gumption::spawn(player(1, table.clone())));
        tasks.push(gumption::spawn(player(0, table.clone())));
        for task in tasks {
            task.await.expect("nobody panics");
        }
    });
    let mut runs = std::mem::take(&mut table.lock().expect("nobody panics").runs);
    let last = runs.iter().rposition(|run| PLAYERS.contains(run)).unwrap_or(0);
    runs.truncate(last + 1);
    Ok((runs, runtime.stats()))
}

fn draw(title: &str, runs: &[char], stats: &SchedulerStats) {
    let lane =
        |wanted: &[char]| -> String { runs.iter().map(|run| if wanted.contains(run) { *run } else { ' ' }).collect() };
    let counters = &stats.totals.counters;
    println!("{title}");
    println!("  rally  {}", lane(&PLAYERS));
    println!("  crowd  {}", lane(&CROWD));
    println!("  hits of the slot {}, capped {}\n", counters.next_take, counters.next_capped);
}

/// The longest stretch of `runs` without any of `wanted`.
fn longest_wait(runs: &[char], wanted: &[char]) -> usize {
    runs.split(|run| wanted.contains(run)).map(<[char]>::len).max().unwrap_or(0)
}

fn main() -> std::io::Result<ExitCode> {
    let mut lesson = Lesson::begin("Lesson 3: the next slot", false);
    let cap = if lesson.is_broken() { u32::MAX } else { 3 };
    let (queue, slot) = (play(0)?, play(cap)?);
    draw("a plain queue: each stroke waits for the crowd", &queue.0, &queue.1);
    let title = if lesson.is_broken() { "the next slot without a cap" } else { "the next slot, at most 3 in a row" };
    draw(title, &slot.0, &slot.1);

    println!("self-check");
    lesson.check("plain queue: runs between two strokes", longest_wait(&queue.0, &PLAYERS), CROWD.len());
    lesson.check("plain queue: hits of the slot", queue.1.totals.counters.next_take, 0);
    let (hits, strokes) = (slot.1.totals.counters.next_take, STROKES as u64);
    lesson.check("next slot: at least two strokes in three came from it", hits >= strokes * 2 / 3, true);
    lesson.check("next slot: runs until the last stroke, fewer than half", slot.0.len() * 2 < queue.0.len(), true);
    // Three from the slot after the one that came out of the queue.
    lesson.check("next slot: strokes while the crowd waits, at most", longest_wait(&slot.0, &CROWD), 4);
    Ok(lesson.end(
        "run it with -- --break: the slot has no cap.",
        "how long does the crowd wait now, and what if the rally never ended? (The task in the slot always comes\n            \
         before the queue, and each stroke fills it again: the queue starves, though the P is never idle.)",
        "Builder::next_slot_cap(3), the default; the workload `runnext-trap` shows the slot's other trap.",
    ))
}
