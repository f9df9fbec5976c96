//! [`Copied`]: what a signal's handler sets aside of the thread that it has interrupted.
//!
//! A handler must not unwind: it may have interrupted an unwinder, an allocator, the dynamic linker. It copies, and nothing
//! else: the registers, and up to [`COPY`] bytes of stack from the stack pointer, into memory that was there before. Somebody
//! else unwinds the copy. How a copy gets from the handler to that somebody is in [`slots`](super::slots).
//!
//! **The stack is read by the kernel** (`process_vm_readv` on the process itself, a system call that handlers may make):
//! where memory ends, the copy ends, on stacks of any origin, whatever another thread unmaps meanwhile. It stops at the
//! thread's own block, which lies behind its stack. Where the kernel refuses, there are registers, no bytes, and
//! [`Copied::is_readable`] says so.
//!
//! The invariant: the bytes are of the stack pointer that is beside them, for one call writes both.

use std::ffi::c_void;
use std::fmt;

use super::arch::{self, Registers};
use super::os;

/// *Bytes* of a stack that are copied at most.
pub(super) const COPY: usize = 64 << 10;

/// What a handler has set aside.
pub(crate) struct Copied {
    /// The thread that was interrupted.
    pub thread: u64,
    /// Where it was.
    pub registers: Registers,
    /// What the handler's caller had to add: the task, and of a profile where it was spawned.
    pub notes: [u64; 2],
    length: usize,
    readable: bool,
    bytes: Box<[u8]>,
}

impl Copied {
    /// Nothing yet. The memory is the kernel's until a handler writes to it.
    pub fn nothing() -> Self {
        let registers = Registers::default();
        Self { thread: 0, registers, notes: [0; 2], length: 0, readable: false, bytes: vec![0; COPY].into() }
    }

    /// The stack, from its stack pointer: as far as it was copied.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Whether the kernel let the handler read the stack.
    pub fn is_readable(&self) -> bool {
        self.readable
    }

    /// In a handler on `thread`: copies what it has interrupted.
    ///
    /// # Safety
    /// Called in a signal handler, with the context that it was given.
    pub unsafe fn fill(&mut self, thread: u64, context: *const c_void, notes: [u64; 2]) {
        // SAFETY: the caller's promise.
        let registers = unsafe { Registers::interrupted(context) };
        let (copies, end) = (COPY as u64, arch::thread_end());
        let to_end = end.wrapping_sub(registers.sp);
        let wanted = if end > registers.sp && to_end < copies { to_end } else { copies };
        let read = os::copy_memory(registers.sp, &mut self.bytes[..wanted as usize]);
        (self.thread, self.registers, self.notes) = (thread, registers, notes);
        (self.readable, self.length) = (read.is_some(), read.unwrap_or(0));
    }
}

impl fmt::Debug for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copied").field("thread", &self.thread).field("length", &self.length).finish_non_exhaustive()
    }
}
