//! Several polls in one runtime: connections whose two ends are both in it, while sources move between the polls; sources that
//! follow their task; and events in the poll of a processor that computes.
#![cfg(target_os = "linux")]

use std::future::{Future, poll_fn};
use std::io::Write;
use std::pin::{Pin, pin};
use std::task::Poll;

use gumption_core::driver::Reactor;
use gumption_core::runtime::{Builder, Handle, Runtime, current_poller, reactor, worker_index};
use gumption_core::{spawn, yield_now};
use gumption_io::Netpoller;
use gumption_io::internals::Sources;
use gumption_io::io::{AsyncReadExt, AsyncWriteExt};
use gumption_io::net::{TcpListener, TcpStream, UnixStream};

const POLLS: usize = 4;

fn runtime() -> Runtime<Netpoller> {
    Builder::new_multi_thread().processors(POLLS).enable_all().build().unwrap()
}

/// Sources in all polls together; one that is being moved counts twice.
fn sources(runtime: &Runtime<Netpoller>) -> usize {
    let _entered = runtime.enter();
    let sources = reactor::<Sources>().unwrap();
    (0..POLLS).map(|poll| sources.sources(poll)).sum()
}

/// Polls once what is not ready yet; it waits from then on.
async fn begin<F: Future>(mut future: Pin<&mut F>) {
    poll_fn(|cx| {
        assert!(future.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
}

#[test]
fn every_byte_arrives_while_sources_move_and_nothing_is_left_of_them() {
    let runtime = runtime();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let clients: Vec<_> = (0..16u32)
            .map(|client| {
                spawn(async move {
                    let mut stream = TcpStream::connect(addr).await.unwrap();
                    for request in 0..500u32 {
                        let sent = (client << 16 | request).to_le_bytes();
                        stream.write_all(&sent).await.unwrap();
                        let mut answer = [0; 4];
                        stream.read_exact(&mut answer).await.unwrap();
                        assert_eq!(answer, sent);
                    }
                    stream
                })
            })
            .collect();
        let mut servers = Vec::new();
        for _ in 0..16 {
            let (mut stream, _) = listener.accept().await.unwrap();
            servers.push(spawn(async move {
                let (mut read, mut request) = (0, [0; 4]);
                while stream.read_exact(&mut request).await.is_ok() {
                    read += 1;
                    stream.write_all(&request).await.unwrap();
                }
                read
            }));
        }
        let mut open = Vec::new();
        for client in clients {
            open.push(client.await.unwrap());
        }
        // The listener, and two ends for each; a server's end may still be on its way to another poll.
        while sources(&runtime) != 33 {
            yield_now().await;
        }
        drop(open);
        for server in servers {
            assert_eq!(server.await.unwrap(), 500);
        }
    });
    assert_eq!(sources(&runtime), 0);
}

/// Sources that were spread over the polls from outside, and one task that reads from all of them: on whichever processor it
/// is, most of them are elsewhere, and those for which it often waits come after.
#[test]
fn sources_follow_the_task_that_waits_for_them() {
    let runtime = runtime();
    let mut pairs: Vec<_> = {
        let _entered = runtime.enter();
        let pair = || {
            let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
            ours.set_nonblocking(true).unwrap();
            (UnixStream::from_std(ours).unwrap(), theirs)
        };
        (0..2 * POLLS).map(|_| pair()).collect()
    };
    let task = runtime.spawn(async move {
        let sources = reactor::<Sources>().unwrap();
        let spread = || [0, 1, 2, 3].map(|poll| sources.sources(poll));
        assert_eq!(spread(), [2; POLLS]);
        while spread() == [2; POLLS] {
            for (ours, theirs) in &mut pairs {
                let mut read = pin!(ours.read_u8());
                begin(read.as_mut()).await;
                theirs.write_all(&[7]).unwrap();
                assert_eq!(read.await.unwrap(), 7);
            }
        }
        // Nobody else moves them, so that none is on its way now.
        assert_eq!(spread().iter().sum::<usize>(), 2 * POLLS);
    });
    runtime.block_on(task).unwrap();
    assert_eq!(sources(&runtime), 0);
}

/// The source is in the poll of a processor that computes from before the event until it has been seen, by a thief or by
/// sysmon: as the counters say, which are not this processor's.
#[test]
fn an_event_in_the_poll_of_a_processor_that_computes_is_seen() {
    let runtime = runtime();
    let task = runtime.spawn(async move {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_nonblocking(true).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        // From here on this task does not give up its processor.
        let (sources, handle, index) =
            (reactor::<Sources>().unwrap(), Handle::current(), worker_index().expect("in a task"));
        let mut stream = TcpStream::from_std(client).unwrap();
        let here = current_poller(&*sources).expect("in a task");
        assert_eq!(sources.sources(here), 1, "it is registered where it is made");
        let mut read = pin!(stream.read_u8());
        begin(read.as_mut()).await;
        let useful = || {
            let stats = handle.stats();
            let own = stats.processors[index].counters.io_useful;
            (own, stats.totals.counters.io_useful - own)
        };
        let (own, others) = useful();
        server.write_all(&[7]).unwrap();
        while useful().1 == others {
            std::hint::spin_loop();
        }
        assert_eq!(useful(), (own, others + 1), "somebody else saw it");
        assert_eq!(read.await.unwrap(), 7);
    });
    runtime.block_on(task).unwrap();
}

#[test]
fn a_task_waits_for_a_socket_of_a_runtime_with_fewer_polls() {
    let (many, one) = (runtime(), Builder::<Netpoller>::new_multi_thread().processors(1).enable_all().build().unwrap());
    let handle = one.handle().clone();
    let bytes = many.block_on(async move {
        // On every processor of the many, and often enough for a source to be asked to move.
        let tasks: Vec<_> = (0..2 * POLLS)
            .map(|_| {
                let handle = handle.clone();
                spawn(async move {
                    let (mut here, mut there) = {
                        let _entered = handle.enter();
                        gumption_io::net::UnixStream::pair().unwrap()
                    };
                    let echo = spawn(async move {
                        let mut byte = [0];
                        while there.read_exact(&mut byte).await.is_ok() {
                            there.write_all(&byte).await.unwrap();
                        }
                    });
                    let mut byte = [0];
                    for sent in 0..100u8 {
                        here.write_all(&[sent]).await.unwrap();
                        here.read_exact(&mut byte).await.unwrap();
                        assert_eq!(byte, [sent]);
                    }
                    drop(here);
                    echo.await.unwrap();
                    100
                })
            })
            .collect();
        let mut bytes = 0;
        for task in tasks {
            bytes += task.await.unwrap();
        }
        bytes
    });
    assert_eq!(bytes, 2 * POLLS * 100);
    let _entered = one.enter();
    assert_eq!(reactor::<Sources>().unwrap().stats().sources, 0);
}
