//! [`Places`]: the places that connections have.
//!
//! There are so many. A connection takes one; who finds none free takes that of the connection that has been silent for the
//! longest time, whose socket is shut down under it. So clients that say nothing keep nobody out. If nobody is silent (all are
//! being answered) there is none to be had.
//!
//! The acceptor gives them, a connection says when it is its client's turn. It refuses to know threads, requests, answers.

use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The connections.
#[derive(Debug)]
pub struct Places {
    most: usize,
    taken: Mutex<Taken>,
    left: Condvar,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    guests: HashMap<u64, Guest>,
}

#[derive(Debug)]
struct Guest {
    socket: TcpStream,
    /// Since when it is we who wait for it; `None` while it is answered.
    silent: Option<Instant>,
}

/// A connection's place; free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    number: u64,
}

impl Places {
    /// So many, all free.
    pub fn new(most: usize) -> Self {
        Self { most, taken: Mutex::new(Taken::default()), left: Condvar::new() }
    }

    /// How many there are.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Shuts every connection's socket down, and waits so long for them to leave.
    pub fn clear(&self, patience: Duration) {
        let taken = self.lock();
        for guest in taken.guests.values() {
            drop(guest.socket.shutdown(Shutdown::Both));
        }
        drop(self.left.wait_timeout_while(taken, patience, |taken| !taken.guests.is_empty()));
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for `socket`.
    pub fn take(self: &Arc<Self>, socket: &TcpStream) -> io::Result<Option<Place>> {
        let socket = socket.try_clone()?;
        let mut taken = self.lock();
        if taken.guests.len() >= self.most {
            let silent = taken.guests.iter().filter_map(|(number, guest)| Some((guest.silent?, *number)));
            let Some((_, longest)) = silent.min() else { return Ok(None) };
            if let Some(guest) = taken.guests.remove(&longest) {
                // It may be gone by itself.
                drop(guest.socket.shutdown(Shutdown::Both));
            }
        }
        let number = taken.next;
        taken.next += 1;
        taken.guests.insert(number, Guest { socket, silent: Some(Instant::now()) });
        Ok(Some(Place { places: Arc::clone(self), number }))
    }
}

impl Place {
    /// From now on this connection is waited for, or not.
    pub fn silent(&self, silent: bool) {
        if let Some(guest) = self.places.lock().guests.get_mut(&self.number) {
            guest.silent = silent.then(Instant::now);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let guest = self.places.lock().guests.remove(&self.number);
        drop(guest);
        self.places.left.notify_all();
    }
}
