//! Waits for real pipes in real runtimes, whatever the machines do meanwhile. Who goes unheard hangs.

use gumption_core::lock_os_thread;
use gumption_core::runtime::{Builder, Handle, Runtime};
use mio::unix::pipe;

use super::*;
use crate::Netpoller;

const REASON: WaitReason = WaitReason::IoRead;

/// Writes once the runtime has come to rest: every processor idle, sysmon asleep.
fn write_when_all_sleep(handle: Handle, mut sender: pipe::Sender) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        while !handle.stats().totals.sysmon_asleep {
            std::thread::yield_now();
        }
        sender.write_all(b"x").unwrap();
    })
}

async fn read_one(receiver: pipe::Receiver) -> usize {
    let receiver = Evented::with_interest(receiver, Interest::READABLE).unwrap();
    let read = |mut io: &pipe::Receiver| io.read(&mut [0; 8]);
    receiver.async_io(Interest::READABLE, REASON, read).await.unwrap()
}

fn runtime() -> Runtime<Netpoller> {
    Builder::<Netpoller>::new_multi_thread().processors(2).enable_all().build().unwrap()
}

/// No task was ever spawned, so there is no machine that could sit in the driver, until one is needed.
#[test]
fn a_caller_of_block_on_hears_of_an_event_alone() {
    let runtime = runtime();
    for _ in 0..2 {
        let (sender, receiver) = pipe::new().unwrap();
        let writer = write_when_all_sleep(runtime.handle().clone(), sender);
        assert_eq!(runtime.block_on(read_one(receiver)), 1);
        writer.join().unwrap();
    }
}

/// The only machine sleeps on its parker, for its locked task: another one has to sit.
#[test]
fn a_locked_task_hears_of_an_event_alone() {
    let runtime = runtime();
    let (sender, receiver) = pipe::new().unwrap();
    let task = runtime.spawn(async move {
        let _locked = lock_os_thread();
        read_one(receiver).await
    });
    let writer = write_when_all_sleep(runtime.handle().clone(), sender);
    assert_eq!(runtime.block_on(task).unwrap(), 1);
    writer.join().unwrap();
}
