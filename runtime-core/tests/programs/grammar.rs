//! What a random program may say, and how likely it says what: the steps of tasks and of foreign threads, the knobs of the runtime.
//!
//! Nothing here runs anything; `main.rs` does, and has the model.

use proptest::prelude::*;
use std::sync::Arc;

pub const EVENTS: usize = 6;

#[derive(Debug, Clone)]
pub enum Step {
    Yield(u8),
    Sleep(u16),
    TimeOut { sleeps: u16, inner_ends: bool },
    Wait(usize),
    Set(usize, u8),
    Section(u16),
    Closure { sleeps: u16, panics: bool, abort: bool },
    BlockOn(Arc<Body>),
    Spawn { body: Arc<Body>, from: From, keep: bool, pad: u8 },
    Join,
    Abort { join: bool },
    Lock,
    Unlock,
    Stats,
}

#[derive(Debug, Clone, Copy)]
pub enum From {
    Here,
    Thread,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    Return,
    Panic,
    Forever,
}

#[derive(Debug, Clone)]
pub struct Body {
    pub steps: Vec<Step>,
    pub end: End,
}

/// What a foreign thread does.
#[derive(Debug, Clone)]
pub enum Foreign {
    Spawn(Arc<Body>),
    Set(usize, u8),
    AbortRoot(usize),
    JoinOne,
    Forget,
    Pause(u16),
    Stats,
}

#[derive(Debug, Clone)]
pub struct Knobs {
    pub multi: bool,
    pub processors: usize,
    pub next_slot_cap: u32,
    pub global_interval: u32,
    pub event_interval: u32,
    pub spin: Option<usize>,
    pub sysmon: bool,
    pub steal: bool,
    pub rescue: bool,
    pub mask: bool,
    pub timer_steal: bool,
    pub retake: bool,
    pub spares: Option<usize>,
    /// Machines beyond the processors, or no limit worth the name.
    pub machines: Option<usize>,
    pub closures: usize,
    pub keep_alive: u64,
    pub slice: u64,
    pub seed: u64,
}

#[derive(Debug, Clone)]
pub struct Program {
    pub knobs: Knobs,
    pub roots: Vec<Arc<Body>>,
    pub threads: Vec<Vec<Foreign>>,
    /// The runtime is dropped while all this goes on.
    pub dropped_early: bool,
}

fn steps(inner: impl Strategy<Value = Arc<Body>> + Clone + 'static) -> impl Strategy<Value = Step> {
    let spawn = (
        inner.clone(),
        prop_oneof![4 => Just(From::Here), 1 => Just(From::Thread)],
        prop::bool::weighted(0.8),
        any::<u8>(),
    )
        .prop_map(|(body, from, keep, pad)| Step::Spawn { body, from, keep, pad });
    prop_oneof![
        6 => spawn,
        1 => inner.prop_map(Step::BlockOn),
        3 => Just(Step::Join),
        1 => any::<bool>().prop_map(|join| Step::Abort { join }),
        8 => leaf(),
    ]
}

fn leaf() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..8u8).prop_map(Step::Yield),
        3 => (0..1_500u16).prop_map(Step::Sleep),
        2 => (0..800u16, any::<bool>()).prop_map(|(sleeps, inner_ends)| Step::TimeOut { sleeps, inner_ends }),
        3 => (0..EVENTS).prop_map(Step::Wait),
        3 => (0..EVENTS, any::<u8>()).prop_map(|(event, how)| Step::Set(event, how)),
        2 => (0..1_500u16).prop_map(Step::Section),
        1 => (0..800u16, any::<bool>(), any::<bool>())
            .prop_map(|(sleeps, panics, abort)| Step::Closure { sleeps, panics, abort }),
        1 => Just(Step::Lock),
        1 => Just(Step::Unlock),
        1 => Just(Step::Stats),
    ]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![6 => Just(End::Return), 2 => Just(End::Panic), 1 => Just(End::Forever)]
}

fn body() -> impl Strategy<Value = Arc<Body>> {
    let leaves = (prop::collection::vec(leaf(), 0..5), end()).prop_map(|(steps, end)| Arc::new(Body { steps, end }));
    leaves.prop_recursive(3, 40, 6, |inner| {
        (prop::collection::vec(steps(inner), 0..8), end()).prop_map(|(steps, end)| Arc::new(Body { steps, end }))
    })
}

fn thread() -> impl Strategy<Value = Vec<Foreign>> {
    prop::collection::vec(
        prop_oneof![
            4 => body().prop_map(Foreign::Spawn),
            3 => (0..EVENTS, any::<u8>()).prop_map(|(event, how)| Foreign::Set(event, how)),
            1 => any::<usize>().prop_map(Foreign::AbortRoot),
            2 => Just(Foreign::JoinOne),
            1 => Just(Foreign::Forget),
            1 => (0..500u16).prop_map(Foreign::Pause),
            1 => Just(Foreign::Stats),
        ],
        0..8,
    )
}

fn knobs() -> impl Strategy<Value = Knobs> {
    (
        (
            prop::bool::weighted(0.8),
            1..5usize,
            prop::sample::select(vec![0, 1, 3, u32::MAX]),
            prop::sample::select(vec![1, 61]),
            prop::sample::select(vec![1, 61]),
            prop::sample::select(vec![None, None, Some(0), Some(8)]),
        ),
        (
            prop::bool::weighted(0.7),
            prop::bool::weighted(0.8),
            any::<bool>(),
            any::<bool>(),
            any::<bool>(),
            prop::bool::weighted(0.8),
        ),
        (
            prop::sample::select(vec![None, Some(0), Some(1)]),
            prop::sample::select(vec![None, None, None, Some(0), Some(1)]),
            prop::sample::select(vec![1usize, 4, 512]),
            prop::sample::select(vec![1u64, 10_000]),
            prop::sample::select(vec![1u64, 10]),
            any::<u64>(),
        ),
    )
        .prop_map(|(a, b, c)| Knobs {
            multi: a.0,
            processors: if a.0 { a.1 } else { 1 },
            next_slot_cap: a.2,
            global_interval: a.3,
            event_interval: a.4,
            spin: a.5,
            sysmon: b.0,
            steal: b.1,
            rescue: b.2,
            mask: b.3,
            timer_steal: b.4,
            retake: b.5,
            spares: c.0,
            machines: c.1,
            closures: c.2,
            keep_alive: c.3,
            slice: c.4,
            seed: c.5,
        })
}

pub fn program() -> impl Strategy<Value = Program> {
    (knobs(), prop::collection::vec(body(), 1..6), prop::collection::vec(thread(), 1..4), any::<bool>())
        .prop_map(|(knobs, roots, threads, dropped_early)| Program { knobs, roots, threads, dropped_early })
}
