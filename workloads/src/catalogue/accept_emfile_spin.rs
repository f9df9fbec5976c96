//! `accept-emfile-spin`: the door is open, the house is full, and the doorman knocks.
//!
//! **The story.** Clients connect and stay. The process may have so many descriptors, and has them. `accept` fails with
//! `EMFILE`; the loop logs it and goes on, as loops do. But the connection is still in the kernel's queue, so the listener
//! is still ready, so the loop does not wait, so `accept` fails with `EMFILE`. A million times a second and more, on the
//! CPU that those who could close something would need.
//!
//! ```text
//!  listener   readable, readable, readable, ...          the queue: c5 c6 c7 c8 ...
//!  accept     EMFILE EMFILE EMFILE EMFILE EMFILE ...     125 a poll, until the budget ends it, and again
//! ```
//!
//! **What to look at.** `errors.no.descriptor/polls`: more failures than polls, so most failed calls followed upon a failed
//! call. `errors.no.descriptor/tick`: and that all the time. A process that is merely full has a few failures a second and
//! is not sick; it is full.
//!
//! **Why the fix works.** After a failure the loop rests for a while. Nothing is lost meanwhile: the kernel keeps the queue.
//!
//! **The cure.** `gumption::net::TcpListener` rests by itself: a millisecond after the first failure, twice as long after
//! each that follows, a second at most, until an accept succeeds. The sick variant has a listener of its own on an
//! [`AsyncFd`]; `--cured` has the same loop on Gumption's.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gumption::io::Interest;
use gumption::io::unix::AsyncFd;
use gumption::net::TcpListener;
use gumption::runtime::{Builder, Handle};
use gumption::time::sleep;

use crate::support::{FewDescriptors, Outstanding, Requests};
use crate::workload::{Knob, Plan, Run, Variant, Workload};

pub(super) struct AcceptEmfileSpin;

impl Workload for AcceptEmfileSpin {
    fn id(&self) -> &'static str {
        "accept-emfile-spin"
    }
    fn family(&self) -> &'static str {
        "io"
    }
    fn mechanism(&self) -> &'static str {
        "accept fails for want of descriptors, the listener stays ready, and the loop goes on at once"
    }
    fn fix(&self) -> Option<&'static str> {
        Some("the loop rests after a failure")
    }
    fn cure(&self) -> Option<&'static str> {
        Some("the runtime's own listener rests before it accepts again, longer after each failure")
    }
    fn knobs(&self) -> &'static [Knob] {
        &[
            Knob { name: "clients", default: 14, min: 2, max: 100, help: "connections that wait to be accepted" },
            Knob { name: "left", default: 4, min: 0, max: 50, help: "descriptors that are left when the load begins" },
            Knob { name: "rest_ms", default: 100, min: 1, max: 1_000, help: "rest after a failure in ms, fixed" },
        ]
    }

    fn shape(&self, _plan: &Plan, _builder: &mut Builder) {}

    fn drive(&self, run: &Run) -> Vec<String> {
        let (door, addr) = match Door::open(run.plan.variant, &run.handle) {
            Ok(open) => open,
            Err(error) => return vec![format!("nobody can listen: {error}")],
        };
        // The kernel takes their connections in; they wait in its queue.
        let clients: io::Result<Vec<TcpStream>> =
            (0..run.plan.knob("clients")).map(|_| TcpStream::connect(addr)).collect();
        let clients = match clients {
            Ok(clients) => clients,
            Err(error) => return vec![format!("nobody can connect: {error}")],
        };
        let few = match FewDescriptors::left(run.plan.knob("left")) {
            Ok(few) => few,
            Err(error) => return vec![format!("the limit on descriptors cannot be changed: {error}")],
        };
        let (until, rest) = (run.until, Duration::from_millis(run.plan.knob("rest_ms")));
        let fixed = run.plan.fixed();
        let accepting = Outstanding::default();
        let (accepted, failed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (counts, guard) = ((Arc::clone(&accepted), Arc::clone(&failed)), accepting.begin());
        drop(run.handle.spawn(async move {
            let mut connections = Vec::new();
            while !until.over() {
                match door.accept().await {
                    Ok(connection) => {
                        counts.0.fetch_add(1, Ordering::Relaxed);
                        connections.push(connection);
                    }
                    Err(_full) => {
                        counts.1.fetch_add(1, Ordering::Relaxed);
                        if fixed {
                            sleep(rest).await;
                        }
                    }
                }
            }
            drop(guard);
        }));
        let requests = Requests::default();
        requests.offer(run, Duration::from_millis(2), Duration::from_micros(20));
        let (accepted, failed) = (accepted.load(Ordering::Relaxed), failed.load(Ordering::Relaxed));
        // One of those that wait is accepted now, and the loop sees that it is over.
        drop(few);
        accepting.wait();
        vec![format!("{accepted} of {} connections accepted, {failed} failures", clients.len()), requests.told()]
    }
}

/// A listener: one's own, or the runtime's.
enum Door {
    Own(AsyncFd<std::net::TcpListener>),
    Gumption(TcpListener),
}

impl Door {
    fn open(variant: Variant, runtime: &Handle) -> io::Result<(Self, SocketAddr)> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let _inside = runtime.enter();
        let door = match variant {
            Variant::Cured => Self::Gumption(TcpListener::from_std(listener)?),
            // SAFETY: the listener owns its descriptor, and nobody replaces it.
            _ => Self::Own(unsafe { AsyncFd::register_with_interest(listener, Interest::READABLE) }?),
        };
        Ok((door, addr))
    }

    async fn accept(&self) -> io::Result<OwnedFd> {
        match self {
            Self::Own(listener) => {
                let accept = |listener: &std::net::TcpListener| listener.accept();
                Ok(listener.async_io(Interest::READABLE, accept).await?.0.into())
            }
            Self::Gumption(listener) => Ok(listener.accept().await?.0.into_std()?.into()),
        }
    }
}
