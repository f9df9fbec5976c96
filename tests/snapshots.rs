//! The ring of snapshots over a real runtime: both triggers, its bytes, its end.

#[path = "support/until.rs"]
mod until;

use gumption::introspect::dump::{Dump, Format, Level};
use gumption::introspect::ring::{Reason, Ring, Rule, Settings};
use gumption::runtime::{Builder, Runtime};
use gumption::time::{Duration, sleep};
use until::{until, until_some};

fn runtime() -> Runtime {
    Builder::new_multi_thread().processors(2).enable_all().build().expect("it starts")
}

fn settings(set: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::default();
    (settings.period, settings.look) = (None, Duration::from_millis(1));
    set(&mut settings);
    settings
}

#[test]
fn a_snapshot_is_taken_by_period_and_the_oldest_leave() {
    let runtime = runtime();
    for _ in 0..20 {
        drop(runtime.spawn(async { sleep(Duration::from_secs(86_400)).await }));
    }
    let ring = Ring::start(settings(|settings| {
        settings.bytes = 20_000;
        settings.period = Some(Duration::from_millis(1));
        settings.level = Level::Tasks;
        settings.format = Format::Json;
    }))
    .expect("it starts");
    until("four that have left", || {
        assert!(ring.bytes() <= 20_000);
        ring.lost().left > 3
    });
    let list = ring.list();
    assert!(list.iter().all(|kept| kept.reason == Reason::Period && kept.format == Format::Json));
    assert!(ring.get(1).is_none(), "it has left");
    // It may leave between the two questions.
    let last = until_some("the last one", || ring.list().last().and_then(|kept| ring.get(kept.number)));
    assert_eq!(last.text.len(), last.kept.bytes);
    let dump = Dump::from_json(&last.text).expect("it is one");
    assert_eq!(dump.taken_unix_ms, last.kept.taken_unix_ms);
    assert_eq!((dump.schema, dump.pid), (Dump::SCHEMA, std::process::id()));
}

#[test]
fn a_snapshot_is_taken_when_a_rule_fires_and_then_once() {
    let runtime = runtime();
    let id = runtime.handle().id();
    // Other tests of this process have runtimes, too.
    let more = Rule::new("too many asleep", move |look| {
        let mut asleep = 0;
        let ours = look.runtimes.iter().filter(|handle| handle.id() == id);
        ours.for_each(|handle| handle.for_each_task(|row| asleep += u64::from(row.bits.is_idle())));
        asleep > 10
    });
    let ring = Ring::start(settings(|settings| settings.rules = vec![more])).expect("it starts");
    let tasks: Vec<_> = (0..11).map(|_| runtime.spawn(async { sleep(Duration::from_secs(86_400)).await })).collect();
    until("the rule to fire", || !ring.list().is_empty());
    let number = ring.take("to see that nothing else has come").expect("there is room");
    let reasons: Vec<Reason> = ring.list().into_iter().map(|kept| kept.reason).collect();
    assert_eq!(
        reasons,
        [Reason::Rule("too many asleep".to_owned()), Reason::Asked("to see that nothing else has come".to_owned())]
    );
    let first = ring.get(number - 1).expect("it is kept");
    assert!(first.text.contains(&format!("\n11 @ [sleep] spawned at {}:", file!())), "{}", first.text);
    drop(tasks);
}

#[test]
fn what_is_larger_than_the_ring_is_counted() {
    let ring = Ring::start(settings(|settings| settings.bytes = 10)).expect("it starts");
    assert_eq!(ring.take("in vain"), None);
    assert_eq!((ring.lost().too_large, ring.bytes(), ring.list().len()), (1, 0, 0));
}
