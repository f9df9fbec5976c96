//! `#[main]` and `#[test]` on functions of every shape.

use gumption::runtime::{Handle, RuntimeFlavor};
use std::fmt::Display;

#[gumption::test]
async fn a_test_has_a_current_thread_runtime() {
    assert_eq!(Handle::current().runtime_flavor(), RuntimeFlavor::CurrentThread);
    assert_eq!(gumption::spawn(async { 7 }).await.unwrap(), 7);
}

#[gumption::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_has_the_runtime_that_it_asks_for() -> Result<(), Box<dyn std::error::Error>> {
    assert_eq!(Handle::current().runtime_flavor(), RuntimeFlavor::MultiThread);
    let here = std::thread::current().id();
    let there = gumption::spawn(async { std::thread::current().id() }).await?;
    assert_ne!(here, there);
    Ok(())
}

#[gumption::test(crate = "gumption")]
#[should_panic(expected = "on purpose")]
async fn attributes_stay() {
    panic!("on purpose");
}

#[gumption::main]
async fn borrows<'a, T>(value: &'a T) -> &'a T
where
    T: Sync,
{
    gumption::task::yield_now().await;
    value
}

#[gumption::main(flavor = "current_thread")]
async fn unnamed() -> impl Display {
    #![allow(clippy::needless_return)]
    return 7;
}

#[gumption::main(worker_threads = 1)]
async fn never() -> ! {
    panic!("never comes back")
}

#[gumption::main]
async fn nothing() {}

struct Counter(u32);

impl Counter {
    #[gumption::main]
    async fn count(&mut self) -> u32 {
        self.0 += 1;
        self.0
    }
}

#[test]
fn main_takes_any_function() {
    assert_eq!(*borrows(&7), 7);
    assert_eq!(unnamed().to_string(), "7");
    assert!(std::panic::catch_unwind(|| never()).is_err());
    nothing();
    let mut counter = Counter(1);
    assert_eq!(counter.count(), 2);
    assert_eq!(counter.0, 2);
}
