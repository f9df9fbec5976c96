//! `select!`: which branch wins, what is evaluated and dropped when, and what may be written.
#![forbid(unsafe_code)]

use gumption::select;
use gumption::task::yield_now;
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{pending, ready};

/// Pushes its name when it is dropped.
struct Noted<'a>(&'a RefCell<Vec<&'static str>>, &'static str);

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        self.0.borrow_mut().push(self.1);
    }
}

#[gumption::test]
async fn every_way_to_end_a_branch() {
    let one = select! { n = ready(1) => n };
    let two = select! { n = ready(2) => n, };
    let three = select! { n = ready(3) => { n } };
    let four = select! {
        n = ready(4), if true => { n }
        n = pending::<u32>() => n,
    };
    let five = select! { _ = pending::<()>(), if false => 0, else => 5 };
    let six = select! { else => 6, };
    let seven = select! { biased; else => 7 };
    assert_eq!([one, two, three, four, five, six, seven], [1, 2, 3, 4, 5, 6, 7]);
}

#[gumption::test]
async fn a_fair_select_starts_everywhere_and_a_biased_one_at_the_first() {
    let mut fair = [0; 3];
    for _ in 0..3000 {
        fair[select! { i = ready(0) => i, i = ready(1) => i, i = ready(2) => i }] += 1;
    }
    // Each is at a thousand give or take 26: a wrong generator is told from bad luck.
    assert!(fair.iter().all(|&times| times > 700), "{fair:?}");
    for _ in 0..100 {
        assert_eq!(select! { biased; i = ready(0) => i, i = ready(1) => i }, 0);
    }
}

#[gumption::test]
async fn a_disabled_branch_is_evaluated_and_not_polled() {
    let evaluated = Cell::new(false);
    let future = || {
        evaluated.set(true);
        async { unreachable!("it is disabled") }
    };
    let n = select! {
        n = future(), if false => n,
        n = ready(1) => n,
    };
    assert_eq!(n, 1);
    assert!(evaluated.get());
}

#[gumption::test]
#[should_panic(expected = "all branches are disabled and there is no else branch")]
async fn without_else_a_select_of_nothing_panics() {
    select! { Some(()) = ready(None) => {} }
}

#[gumption::test]
async fn a_value_that_does_not_match_disables_its_branch() {
    for _ in 0..20 {
        let n = select! {
            Some(n) = ready(None) => n,
            Some(n) = async { yield_now().await; Some(7) } => n,
        };
        assert_eq!(n, 7);
    }
}

#[gumption::test]
async fn every_future_is_dropped_before_the_handler_runs() {
    let log = RefCell::new(Vec::new());
    let future = |name| {
        let noted = Noted(&log, name);
        async move {
            let _noted = noted;
            pending::<()>().await;
        }
    };
    select! {
        biased;
        () = future("first") => {}
        () = ready(()) => log.borrow_mut().push("handler"),
        () = future("last") => {}
    }
    assert_eq!(log.into_inner(), ["first", "last", "handler"]);
}

#[gumption::test]
async fn futures_share_what_handlers_take_mutably() {
    let mut log = vec![1];
    for _ in 0..4 {
        select! {
            n = async { log.len() } => log.push(n),
            n = async { log[0] } => log.push(n),
        }
    }
    assert_eq!(log.len(), 5);
}

#[gumption::test]
async fn temporaries_live_until_the_end() {
    let n = select! {
        n = &mut Box::pin(async { yield_now().await; 4 }) => n,
    };
    assert_eq!(n, 4);
}

#[gumption::test]
async fn patterns_bind_by_value_by_reference_and_mutably() {
    struct Pair {
        left: String,
        right: Option<String>,
    }
    let pair = || ready(Pair { left: "l".into(), right: Some("r".into()) });
    let text = select! { Pair { left: mut l, right: Some(ref r) } = pair() => { l.push_str(r); l } };
    assert_eq!(text, "lr");
    let text = select! { ref mut whole @ Pair { .. } = pair() => { whole.left.push('!'); whole.left.clone() } };
    assert_eq!(text, "l!");
    let n = select! { Ok(n) | Err(n) = ready(Err::<u32, u32>(3)) => n };
    assert_eq!(n, 3);
    let n = select! { [first, .., 9] = ready([1, 2, 9]) => first, else => 0 };
    assert_eq!(n, 1);
}

#[gumption::test]
async fn control_flow_leaves_through_a_handler() {
    async fn question() -> Result<u32, String> {
        loop {
            select! {
                n = ready(Err("none".to_owned())) => { n?; }
                () = pending() => continue,
            }
        }
    }
    assert_eq!(question().await, Err("none".to_owned()));
    let mut rounds = 0;
    let n = loop {
        rounds += 1;
        select! {
            n = ready(rounds), if rounds == 4 => break n,
            else => {}
        }
    };
    assert_eq!(n, 4);
}

#[deny(warnings)]
#[gumption::test]
async fn outputs_without_values_warn_of_nothing() {
    let n = select! {
        never = pending::<Infallible>() => match never {},
        n = ready(1) => n,
    };
    assert_eq!(n, 1);
}

#[gumption::test]
async fn an_output_of_a_type_that_nothing_says() {
    let unsaid = std::future::poll_fn(|_| panic!());
    select! {
        _ = unsaid, if false => {}
        () = ready(()) => {}
    }
}

#[gumption::test]
async fn selects_nest_in_futures_and_handlers() {
    let n = select! {
        n = async { select! { n = ready(1) => n + 1 } } => select! {
            m = ready(n) => m + select! { one = ready(1) => one },
        },
    };
    assert_eq!(n, 3);
}

#[gumption::test]
async fn sixty_four_branches() {
    macro_rules! select_of {
        ($($i:literal)+) => { select! { biased; $(n = ready($i), if $i == 63 => n,)+ } };
    }
    let n = select_of!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35
        36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63);
    assert_eq!(n, 63);
}

#[gumption::test]
async fn without_budget_the_whole_select_waits_for_its_turn() {
    gumption::spawn(async {
        while gumption::task::coop::has_budget_remaining() {
            gumption::task::coop::consume_budget().await;
        }
        let before = gumption::spawn(async {});
        select! { biased; () = ready(()) => {} }
        assert!(before.is_finished(), "the others had their turn");
    })
    .await
    .unwrap();
}
