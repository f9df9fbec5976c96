//! [`Buffer`]: the bytes between a [`File`](super::File)'s task and the closure that reads or writes for it.
//!
//! It travels: the file has it while nothing is in flight, the closure has it otherwise. After a read it holds what the task has
//! not taken yet; after a write it is empty. Its memory is kept from one operation to the next and only ever grows,
//! which it does by fresh zeroed memory: so every byte is initialised once, and there is no `unsafe` here.
//!
//! Invariant: `taken <= filled <= bytes.len()`; what is unread is `bytes[taken..filled]`.

use crate::io::ReadBuf;
use std::io::{self, IoSlice, Read, Seek, SeekFrom, Write};

/// The most bytes of one closure, unless [`File::set_max_buf_size`](super::File::set_max_buf_size) says otherwise: tokio's
/// number. It is large because a hop to the pool is dear.
pub(super) const DEFAULT_MAX: usize = 2 * 1024 * 1024;

/// See the module.
#[derive(Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    taken: usize,
    filled: usize,
}

impl Buffer {
    pub(super) fn is_empty(&self) -> bool {
        self.taken == self.filled
    }

    fn unread(&self) -> i64 {
        // A buffer is shorter than `isize::MAX`.
        (self.filled - self.taken) as i64
    }

    /// Moves the cursor of `to` back to what is unread, and forgets that; keeps it if the cursor cannot be moved.
    pub(super) fn give_back(&mut self, mut to: impl Seek) -> io::Result<()> {
        if !self.is_empty() {
            to.seek(SeekFrom::Current(-self.unread()))?;
            self.discard();
        }
        Ok(())
    }

    /// Forgets what is unread; how far the file's cursor has to go back for it.
    pub(super) fn discard(&mut self) -> i64 {
        let unread = self.unread();
        (self.taken, self.filled) = (0, 0);
        -unread
    }

    /// Makes room for `len` bytes in an empty buffer.
    fn room(&mut self, len: usize) -> &mut [u8] {
        debug_assert!(self.is_empty());
        (self.taken, self.filled) = (0, 0);
        if self.bytes.len() < len {
            // Not `resize`, which would copy and then write zeroes: this is memory that the system has zeroed.
            self.bytes = Vec::new();
            self.bytes = vec![0; len];
        }
        &mut self.bytes[..len]
    }

    /// Moves as much as fits to `to`.
    pub(super) fn take(&mut self, to: &mut ReadBuf<'_>) {
        let len = to.remaining().min(self.filled - self.taken);
        to.put_slice(&self.bytes[self.taken..self.taken + len]);
        self.taken += len;
    }

    /// Fills an empty buffer from `parts`, up to `max` bytes; how many.
    pub(super) fn fill(&mut self, parts: &[IoSlice<'_>], max: usize) -> usize {
        let total = parts.iter().fold(0, |sum: usize, part| sum.saturating_add(part.len())).min(max);
        let mut room = self.room(total);
        for part in parts {
            let len = part.len().min(room.len());
            room[..len].copy_from_slice(&part[..len]);
            room = &mut room[len..];
        }
        self.filled = total;
        total
    }

    /// Fills an empty buffer by one read of at most `max` bytes.
    pub(super) fn read_from(&mut self, mut from: impl Read, max: usize) -> io::Result<()> {
        let room = self.room(max);
        loop {
            match from.read(room) {
                Ok(len) => {
                    self.filled = len;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes everything. A failed write may have written some of it; the rest is forgotten.
    pub(super) fn write_to(&mut self, mut to: impl Write) -> io::Result<()> {
        let written = to.write_all(&self.bytes[self.taken..self.filled]);
        (self.taken, self.filled) = (0, 0);
        written
    }
}
