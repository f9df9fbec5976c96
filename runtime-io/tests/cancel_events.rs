//! Dropping a future that waits for a datagram, a signal, a child or a name loses none of them.
//!
//! What came while nobody waited is there for the next who does: each test makes the thing happen after futures that wait for it
//! were dropped at any of their await points, and then demands it.
#![cfg(unix)]

mod giving_up;

use giving_up::{run, up_to};
use gumption_io::io::AsyncReadExt;
use gumption_io::net::{UdpSocket, UnixDatagram, lookup_host};
use gumption_io::process::Command;
use gumption_io::signal::unix::{SignalKind, signal};
use proptest::prelude::*;
use std::process::Stdio;

/// For every event: the polls of a wait before it, of the doing, and of the waits after it, which end with one that is not given up.
fn rounds() -> impl Strategy<Value = Vec<(usize, usize, Vec<usize>)>> {
    prop::collection::vec((0..2usize, 0..3usize, prop::collection::vec(0..3usize, 0..4)), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn datagrams(multi in any::<bool>(), rounds in rounds()) {
        run(multi, async {
            let (sender, receiver) =
                (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
            let (from, to) = (sender.local_addr().unwrap(), receiver.local_addr().unwrap());
            for (number, (before, sending, after)) in rounds.into_iter().enumerate() {
                let mut buf = [0; 16];
                assert!(up_to(before, receiver.recv_from(&mut buf)).await.is_none());
                assert!(up_to(before, receiver.readable()).await.is_none());
                // Given up, it was not sent.
                let datagram = number.to_le_bytes();
                let sent = up_to(sending, sender.send_to(&datagram, to)).await;
                if sent.is_none() {
                    sender.send_to(&datagram, to).await.unwrap();
                }
                let mut got = None;
                for polls in after {
                    up_to(polls, receiver.readable()).await;
                    up_to(polls, receiver.peek_from(&mut buf)).await;
                    got = up_to(polls, receiver.recv_from(&mut buf)).await;
                    if got.is_some() {
                        break;
                    }
                }
                let got = match got {
                    Some(got) => got.unwrap(),
                    None => receiver.recv_from(&mut buf).await.unwrap(),
                };
                assert_eq!(got, (datagram.len(), from));
                assert_eq!(&buf[..got.0], &datagram);
            }
        });
    }

    #[test]
    fn datagrams_of_unix(multi in any::<bool>(), rounds in rounds()) {
        run(multi, async {
            let (sender, receiver) = UnixDatagram::pair().unwrap();
            for (number, (before, sending, after)) in rounds.into_iter().enumerate() {
                let mut buf = [0; 16];
                assert!(up_to(before, receiver.recv(&mut buf)).await.is_none());
                let datagram = number.to_le_bytes();
                if up_to(sending, sender.send(&datagram)).await.is_none() {
                    sender.send(&datagram).await.unwrap();
                }
                let mut got = None;
                for polls in after {
                    got = up_to(polls, receiver.recv(&mut buf)).await;
                    if got.is_some() {
                        break;
                    }
                }
                let got = match got {
                    Some(got) => got.unwrap(),
                    None => receiver.recv(&mut buf).await.unwrap(),
                };
                assert_eq!(&buf[..got], &datagram);
            }
        });
    }

    #[test]
    fn signals(multi in any::<bool>(), rounds in rounds()) {
        run(multi, async {
            let mut listener = signal(SignalKind::user_defined2()).unwrap();
            for (before, _, after) in rounds {
                assert!(up_to(before, listener.recv()).await.is_none());
                // SAFETY: it has a handler, ours, as long as there is a listener.
                assert_eq!(unsafe { libc::raise(libc::SIGUSR2) }, 0);
                let mut got = None;
                for polls in after {
                    got = up_to(polls, listener.recv()).await;
                    if got.is_some() {
                        break;
                    }
                }
                if got.is_none() {
                    got = Some(listener.recv().await);
                }
                assert_eq!(got, Some(Some(())));
            }
        });
    }

    #[test]
    fn names(multi in any::<bool>(), polls in prop::collection::vec(0..3usize, 0..4)) {
        run(multi, async {
            for polls in polls {
                up_to(polls, lookup_host("localhost:80")).await;
            }
            assert!(lookup_host("localhost:80").await.unwrap().all(|addr| addr.ip().is_loopback()));
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn children(multi in any::<bool>(), code in 0..100i32, before in prop::collection::vec(0..2usize, 0..4), after in prop::collection::vec(0..3usize, 0..4)) {
        run(multi, async {
            // It ends when its input does, and not before.
            let mut child = Command::new("sh")
                .args(["-c", &format!("cat; exit {code}")])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let stdin = child.stdin.take();
            let mut stdout = child.stdout.take().unwrap();
            for polls in before {
                assert!(up_to(polls, child.wait()).await.is_none());
                assert!(up_to(polls, stdout.read(&mut [0])).await.is_none());
            }
            drop(stdin);
            assert_eq!(stdout.read(&mut [0]).await.unwrap(), 0);
            for polls in after {
                if let Some(ended) = up_to(polls, child.wait()).await {
                    assert_eq!(ended.unwrap().code(), Some(code));
                }
            }
            assert_eq!(child.wait().await.unwrap().code(), Some(code));
        });
    }
}
