//! The ring's parts by themselves: its store by counting, its rules by looks that are made by hand.

use super::*;

fn look(live: u64) -> Look {
    Look { live, ..Look::default() }
}

#[test]
fn the_store_never_exceeds_its_bytes_and_the_oldest_leave_first() {
    let most = 10_000;
    let mut store = Store::new(most);
    let mut random = 1u64;
    let (mut kept, mut too_large) = (0, 0);
    for at in 0..5_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let len = (random >> 33) as usize % 12_000;
        let number = store.keep(at, Reason::Asked("x".repeat(len % 7)), Format::Text, "y".repeat(len));
        assert!(store.used() <= most);
        let list = store.list();
        assert!(list.is_sorted_by_key(|kept| kept.number));
        assert!(list.iter().map(|kept| kept.bytes).sum::<usize>() <= store.used());
        match number {
            None => too_large += 1,
            Some(number) => {
                kept += 1;
                assert_eq!(number, at + 1);
                assert_eq!(list.last().map(|kept| kept.number), Some(number));
                assert_eq!(store.get(number).map(|snapshot| snapshot.text.len()), Some(len));
            }
        }
        assert_eq!(store.lost.left + store.list().len() as u64, kept);
        assert_eq!(store.lost.too_large, too_large);
    }
    assert!(too_large > 0 && store.lost.left > 0);
    assert_eq!(store.get(1), None, "it has left");
}

#[test]
fn the_nearest_is_by_time() {
    let mut store = Store::new(1 << 20);
    for at in [100, 200, 300] {
        store.keep(at, Reason::Period, Format::Json, String::new());
    }
    let nearest = |store: &Store, at| store.nearest(at).map(|snapshot| snapshot.kept.taken_unix_ms);
    assert_eq!(nearest(&store, 0), Some(100));
    assert_eq!(nearest(&store, 240), Some(200));
    assert_eq!(nearest(&store, 9_999), Some(300));
    assert_eq!(nearest(&Store::new(1), 1), None);
}

#[test]
fn a_rule_fires_once_after_it_has_held_long_enough() {
    let mut rule = Rule::live_above(2.0, 100);
    let fires = |rule: &mut Rule, lives: &[u64]| lives.iter().map(|live| rule.fires(&look(*live))).collect::<Vec<_>>();
    assert_eq!(fires(&mut rule, &[201, 201, 200, 201, 201]), [false; 5], "two in a row are not three");
    assert_eq!(fires(&mut rule, &[201, 500, 500]), [true, false, false], "it fires once");
    assert_eq!(fires(&mut rule, &[0, 201, 201, 201]), [false, false, false, true], "and again when it has failed");
    let mut at_once = Rule::new("any", |look| look.live > 0).consecutive(0);
    assert_eq!(fires(&mut at_once, &[0, 1, 1]), [false, true, false]);
}

#[test]
fn what_is_usual_is_learnt_first() {
    let mut rule = Rule::live_above_usual(3.0).consecutive(1);
    let learning = [5, 9, 10, 2, 3, 4, 5, 1_000];
    assert!(learning.iter().all(|live| !rule.fires(&look(*live))), "what it learns is usual");
    assert!(!rule.fires(&look(3_000)));
    assert!(rule.fires(&look(3_001)));
}

#[test]
fn between_two_that_rules_cause_there_is_a_pause() {
    let often = || Rule::new("often", |look| look.live > 0).consecutive(1);
    let mut keeper = Keeper {
        rules: vec![often(), Rule::new("other", |look| look.live > 5).consecutive(1)],
        pause: Duration::from_secs(10),
        suppressed_until: None,
    };
    let second = Duration::from_secs;
    let often = || Some("often".to_owned());
    assert_eq!(keeper.look(second(0), &look(1)), (often(), 0));
    assert_eq!(keeper.look(second(1), &look(0)), (None, 0));
    assert_eq!(keeper.look(second(2), &look(6)), (None, 2), "both are too early");
    assert_eq!(keeper.look(second(3), &look(0)), (None, 0));
    assert_eq!(keeper.look(second(10), &look(6)), (often(), 1), "one dump is enough for both");
}
