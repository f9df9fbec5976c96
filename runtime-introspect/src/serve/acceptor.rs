//! The thread that accepts: it gives each connection a place (`places.rs`) and a thread.
//!
//! A newcomer for whom there is no place is told so. What the acceptor does itself is short: it never waits for a client.
//!
//! The end: [`Acceptor::stop`] knocks at its own door, so that the blocked `accept` returns, and shuts every connection's
//! socket down, so that a blocked read or write returns, too. Then it waits for the threads, but not for one that is in the
//! middle of an answer for more than [`PATIENCE`]: that one ends by itself.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::connection;
use super::house::House;
use super::look;
use super::places::Places;
use super::response::{Refusal, Response, Status};

/// How long the end waits for answers that are being made.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long to wait after an `accept` that failed for want of descriptors or memory.
const RECOVER: Duration = Duration::from_millis(50);

/// The thread.
#[derive(Debug)]
pub struct Acceptor {
    address: SocketAddr,
    places: Arc<Places>,
    thread: Option<JoinHandle<()>>,
    looking: Option<JoinHandle<()>>,
}

impl Acceptor {
    /// Listens on the first of `addresses` that can be listened on.
    pub fn start(addresses: &[SocketAddr], house: Arc<House>) -> io::Result<Self> {
        let listener = TcpListener::bind(addresses)?;
        let address = listener.local_addr()?;
        let places = Arc::new(Places::new(house.limits.connections.max(1)));
        let looked_after = Arc::clone(&house);
        let looking = thread::Builder::new()
            .name("gumption-debug-look".to_owned())
            .spawn(move || look::look_after(&looked_after))?;
        let own = Arc::clone(&places);
        let accepting = Arc::clone(&house);
        let thread = thread::Builder::new()
            .name("gumption-debug".to_owned())
            .spawn(move || accept(&listener, &own, &accepting))
            .inspect_err(|_| house.stop())?;
        Ok(Self { address, places, thread: Some(thread), looking: Some(looking) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it, and every connection. The house has been told before.
    pub fn stop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        let mut knock = self.address;
        match knock.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => knock.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => knock.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        while !thread.is_finished() {
            // Refused when it has just ended; without a descriptor to knock with it is tried again.
            drop(TcpStream::connect_timeout(&knock, RECOVER));
            thread::sleep(Duration::from_millis(1));
        }
        // They do not panic; if they did, they have said so.
        drop(thread.join());
        drop(self.looking.take().map(JoinHandle::join));
        self.places.clear(PATIENCE);
    }
}

fn accept(listener: &TcpListener, places: &Arc<Places>, house: &Arc<House>) {
    loop {
        let accepted = listener.accept();
        if house.is_stopping() {
            return;
        }
        let welcomed = match accepted {
            Ok((socket, _)) => welcome(socket, places, house),
            Err(error) => Err(error),
        };
        // Too many descriptors, no thread to be had, a client that is gone already: the next one may fare better, later.
        if welcomed.is_err() && house.pause(RECOVER) {
            return;
        }
    }
}

fn welcome(mut socket: TcpStream, places: &Arc<Places>, house: &Arc<House>) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let Some(place) = places.take(&socket)? else {
        let what = format!("all of the {} connections are being answered: try again", places.most());
        let response = Response::from(Refusal::for_now(Status::Unavailable, what, 1));
        // A fresh socket has room for this; it is not waited for.
        socket.set_nonblocking(true)?;
        let bytes = [response.head(false), response.body].concat();
        return socket.write_all(&bytes);
    };
    let house = Arc::clone(house);
    thread::Builder::new()
        .name("gumption-debug-conn".to_owned())
        .spawn(move || connection::attend(&socket, &place, &house))?;
    Ok(())
}
