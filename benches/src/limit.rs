//! The machine's own limit: the same echo on a bare epoll.
//!
//! No tasks, no wakers, no queues: a thread waits in its epoll and answers what is readable, one read and one write per
//! event, the fewest that will do (level-triggered, so that no read has to come back empty). Client and server ends
//! are in the same loop, as they are in the same runtime elsewhere. `limit_epoll_1t` has all of them in one thread;
//! `limit_epoll_nt` gives each thread an epoll and a share of the connections, both ends of each, so that nothing ever
//! crosses threads. A runtime comes between: it has more to do per event than a bare loop, and all cores to do it on.
//!
//! A [`Limit`] is a [`Subject`] but no [`Peer`](crate::Peer): it runs the benches that its `Contender` has and no other.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Barrier;
use std::thread;

use rustix::event::epoll;

use crate::body::split;
use crate::body::tcp::{BUFFER, MESSAGE, raise_file_limit};
use crate::catalogue::Id;
use crate::measured::{Measured, Meter};
use crate::net::{ANY_PORT, std_datagram_pair};
use crate::subject::{Contender, Subject};

/// Events taken from the kernel at once.
const BATCH: usize = 256;

/// Bare epoll loops, so many threads.
pub struct Limit {
    threads: u64,
}

impl Limit {
    /// One thread with one epoll.
    pub const ONE: Contender = Contender {
        name: "limit_epoll_1t",
        start: |_| Ok(Box::new(Self { threads: 1 })),
        has: |id| connections(id).is_some(),
    };

    /// As many threads as the others have workers, each with its epoll. One connection needs no second thread.
    pub const EACH: Contender = Contender {
        name: "limit_epoll_nt",
        start: |workers| Ok(Box::new(Self { threads: workers as u64 })),
        has: |id| connections(id).is_some_and(|connections| connections > 1),
    };
}

/// How many connections a bench has, of those that there is a limit for.
const fn connections(id: Id) -> Option<u64> {
    match id {
        Id::TcpEcho1 | Id::UdpPingPong => Some(1),
        Id::TcpEcho64 => Some(64),
        Id::TcpEcho512 => Some(512),
        _ => None,
    }
}

impl Subject for Limit {
    fn measure(&self, id: Id, ops: u64) -> Measured {
        raise_file_limit();
        let connections = connections(id).expect("only what `has` names is asked for");
        let mut rings: Vec<_> = (0..self.threads).map(|_| Ring::new().expect("an epoll to be had")).collect();
        for (n, share) in split(ops, connections).enumerate() {
            let at = n % rings.len();
            let pair = if id == Id::UdpPingPong { datagrams() } else { stream() };
            let (client, server) = pair.expect("sockets to be had");
            rings[at].add(client, Some(share)).expect("room in an epoll");
            rings[at].add(server, None).expect("room in an epoll");
        }
        // The measurer is one more.
        let (ready, done) = (Barrier::new(rings.len() + 1), Barrier::new(rings.len() + 1));
        thread::scope(|scope| {
            for ring in &mut rings {
                scope.spawn(|| {
                    ready.wait();
                    ring.run().expect("both ends are ours");
                    done.wait();
                });
            }
            ready.wait();
            let meter = Meter::start();
            done.wait();
            Measured::Spent(meter.stop())
        })
    }
}

/// What an end of a connection can do, whatever it is.
trait Socket: Send {
    fn receive(&mut self, buf: &mut [u8]) -> io::Result<usize>;
    fn transmit(&mut self, bytes: &[u8]) -> io::Result<()>;
}

impl Socket for TcpStream {
    fn receive(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.read(buf)
    }

    fn transmit(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }
}

impl Socket for UdpSocket {
    fn receive(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.recv(buf)
    }

    fn transmit(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.send(bytes).map(drop)
    }
}

type Pair = (Box<dyn SocketFd>, Box<dyn SocketFd>);

trait SocketFd: Socket + AsFd {}
impl<S: Socket + AsFd> SocketFd for S {}

fn stream() -> io::Result<Pair> {
    let listener = TcpListener::bind(ANY_PORT)?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    for end in [&client, &server] {
        end.set_nodelay(true)?;
        end.set_nonblocking(true)?;
    }
    Ok((Box::new(client), Box::new(server)))
}

fn datagrams() -> io::Result<Pair> {
    let (one, other) = std_datagram_pair()?;
    one.set_nonblocking(true)?;
    other.set_nonblocking(true)?;
    Ok((Box::new(one), Box::new(other)))
}

/// One end of a connection.
struct End {
    socket: Box<dyn SocketFd>,
    /// A client's requests that are yet to be answered; `None` for a server.
    left: Option<u64>,
    /// Bytes of the answer that a client has so far.
    got: usize,
}

/// One thread's epoll, and all ends that are in it.
struct Ring {
    epoll: OwnedFd,
    ends: Vec<End>,
    /// Clients that have not had all their answers.
    asking: usize,
}

impl Ring {
    fn new() -> io::Result<Self> {
        Ok(Self { epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?, ends: Vec::new(), asking: 0 })
    }

    fn add(&mut self, socket: Box<dyn SocketFd>, requests: Option<u64>) -> io::Result<()> {
        let key = epoll::EventData::new_u64(self.ends.len() as u64);
        epoll::add(&self.epoll, socket.as_fd(), key, epoll::EventFlags::IN)?;
        self.asking += usize::from(requests.is_some_and(|requests| requests > 0));
        self.ends.push(End { socket, left: requests, got: 0 });
        Ok(())
    }

    fn run(&mut self) -> io::Result<()> {
        for end in &mut self.ends {
            if end.left.is_some_and(|left| left > 0) {
                end.socket.transmit(&[0; MESSAGE])?;
            }
        }
        let mut events: Vec<epoll::Event> = Vec::with_capacity(BATCH);
        while self.asking > 0 {
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), None) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            for event in events.drain(..) {
                let end = &mut self.ends[event.data.u64() as usize];
                if end.ready()? {
                    self.asking -= 1;
                }
            }
        }
        Ok(())
    }
}

impl End {
    /// Answers, or takes an answer and asks again; whether that was a client's last.
    fn ready(&mut self) -> io::Result<bool> {
        let mut buf = [0; BUFFER];
        let n = self.socket.receive(&mut buf)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some(left) = &mut self.left else {
            self.socket.transmit(&buf[..n])?;
            return Ok(false);
        };
        self.got += n;
        if self.got < MESSAGE {
            return Ok(false);
        }
        self.got = 0;
        *left -= 1;
        if *left > 0 {
            self.socket.transmit(&[*left as u8; MESSAGE])?;
        }
        Ok(*left == 0)
    }
}
