//! Mains on the composed scheduler: several callers of `block_on` on one processor, of whom only one has it.
//!
//! The protocol of a bed is in `mains.rs`; here the bell is a machine's, and whoever has no processor sleeps on the list of machines. A
//! wake that is lost is a deadlock, which shuttle reports.
#![cfg(gumption_shuttle)]

use gumption_core::runtime::{Builder, Runtime};
use gumption_core::sync::{Arc, thread};
use gumption_core::yield_now;
use gumption_loom_tests::stage::{Gate, Ledger, join};
use gumption_loom_tests::{check_random_and_pct, mutants};

/// One waits, and the other wakes itself in its own polls before it lets the first one go: whichever has the processor.
#[test]
fn a_main_without_a_processor_wakes_itself() {
    check_random_and_pct(3_000, || {
        let runtime: Runtime = Builder::new_current_thread().sysmon(false).enable_all().build().unwrap();
        let (runtime, ledger) = (Arc::new(runtime), Ledger::default());
        let gate = Gate::new();
        let (waiting, waits) = (runtime.clone(), gate.clone());
        let waits = thread::spawn(move || waiting.block_on(waits.wait()));
        let (yielding, opens) = (runtime.clone(), gate);
        let yields = thread::spawn(move || {
            yielding.block_on(async {
                yield_now().await;
                yield_now().await;
                opens.open();
            });
        });
        join([waits, yields]);
        let Some(runtime) = Arc::into_inner(runtime) else { panic!("the threads have gone") };
        ledger.close(runtime);
    });
}

mutants! {
    a_main_without_a_processor_wakes_itself: ["main-unrung-in-its-poll", "main-rung-before-woken"];
}
