//! [`ReadBuf`]: the buffer that a read fills, which need not be initialized first.
//!
//! A buffer of bytes in three parts, by two marks:
//!
//! ```text
//!    [ filled            | initialized, not filled | uninitialized ]
//!    0 ............. filled ................ initialized ....... capacity
//! ```
//!
//! A reader appends to the filled part and moves the first mark; the second says up to where memory may be looked at as
//! `u8`. Zeroing what a read then overwrites costs as much as the copy from the kernel, so a buffer is made of
//! uninitialized memory and only a reader that needs `&mut [u8]` pays for its part of it, once.
//!
//! API, semantics and panics are tokio's. Safe code cannot move `filled` past `initialized`.
//!
//! The one invariant: `filled <= initialized <= capacity`, and the first `initialized` bytes are initialized.

use bytes::buf::{BufMut, UninitSlice};
use std::fmt;
use std::mem::MaybeUninit;

/// A buffer that is filled step by step, and may be of uninitialized memory.
pub struct ReadBuf<'a> {
    buf: &'a mut [MaybeUninit<u8>],
    filled: usize,
    initialized: usize,
}

/// # Safety
///
/// All of `bytes` is initialized.
#[inline]
unsafe fn assume_init(bytes: &[MaybeUninit<u8>]) -> &[u8] {
    // SAFETY: the layouts are the same, and the caller vouches for the content.
    unsafe { &*(std::ptr::from_ref(bytes) as *const [u8]) }
}

/// # Safety
///
/// All of `bytes` is initialized.
#[inline]
unsafe fn assume_init_mut(bytes: &mut [MaybeUninit<u8>]) -> &mut [u8] {
    // SAFETY: the layouts are the same, and the caller vouches for the content.
    unsafe { &mut *(std::ptr::from_mut(bytes) as *mut [u8]) }
}

impl<'a> ReadBuf<'a> {
    /// An empty buffer over initialized memory.
    #[inline]
    pub fn new(buf: &'a mut [u8]) -> ReadBuf<'a> {
        let initialized = buf.len();
        // SAFETY: the layouts are the same. Nothing in here writes uninitialized bytes, and who gets the slice from `inner_mut`
        // or `unfilled_mut` promises not to.
        let buf = unsafe { &mut *(std::ptr::from_mut(buf) as *mut [MaybeUninit<u8>]) };
        ReadBuf { buf, filled: 0, initialized }
    }

    /// An empty buffer over memory that may be uninitialized. What of it is known to be initialized can be said with
    /// [`assume_init`](Self::assume_init).
    #[inline]
    pub fn uninit(buf: &'a mut [MaybeUninit<u8>]) -> ReadBuf<'a> {
        ReadBuf { buf, filled: 0, initialized: 0 }
    }

    /// How many bytes it can hold in all.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.buf.len()
    }

    /// The filled part.
    #[inline]
    pub fn filled(&self) -> &[u8] {
        // SAFETY: `filled <= initialized`.
        unsafe { assume_init(&self.buf[..self.filled]) }
    }

    /// The filled part, to be changed.
    #[inline]
    pub fn filled_mut(&mut self) -> &mut [u8] {
        // SAFETY: `filled <= initialized`.
        unsafe { assume_init_mut(&mut self.buf[..self.filled]) }
    }

    /// A buffer over the first `n` bytes of the unfilled part, or over all of it if that is less.
    ///
    /// What is filled there is not filled here until [`assume_init`](Self::assume_init) and [`advance`](Self::advance)
    /// say so.
    #[inline]
    pub fn take(&mut self, n: usize) -> ReadBuf<'_> {
        let count = self.remaining().min(n);
        // SAFETY: a `ReadBuf` writes no uninitialized bytes.
        ReadBuf::uninit(unsafe { &mut self.unfilled_mut()[..count] })
    }

    /// The initialized part; the filled one is its begin.
    #[inline]
    pub fn initialized(&self) -> &[u8] {
        // SAFETY: by the invariant.
        unsafe { assume_init(&self.buf[..self.initialized]) }
    }

    /// The initialized part, to be changed.
    #[inline]
    pub fn initialized_mut(&mut self) -> &mut [u8] {
        // SAFETY: by the invariant.
        unsafe { assume_init_mut(&mut self.buf[..self.initialized]) }
    }

    /// All of the memory.
    ///
    /// # Safety
    ///
    /// The caller must not make bytes uninitialized that were initialized.
    #[inline]
    pub unsafe fn inner_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        self.buf
    }

    /// The unfilled part, whether or not it is initialized.
    ///
    /// # Safety
    ///
    /// The caller must not make bytes uninitialized that were initialized.
    #[inline]
    pub unsafe fn unfilled_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        &mut self.buf[self.filled..]
    }

    /// The unfilled part, zeroed where it was not initialized.
    #[inline]
    pub fn initialize_unfilled(&mut self) -> &mut [u8] {
        self.initialize_unfilled_to(self.remaining())
    }

    /// The first `n` bytes of the unfilled part, zeroed where they were not initialized.
    ///
    /// # Panics
    ///
    /// If `n` is more than [`remaining`](Self::remaining).
    #[inline]
    #[track_caller]
    pub fn initialize_unfilled_to(&mut self, n: usize) -> &mut [u8] {
        assert!(self.remaining() >= n, "n overflows remaining");
        let end = self.filled + n;
        if self.initialized < end {
            self.buf[self.initialized..end].fill(MaybeUninit::new(0));
            self.initialized = end;
        }
        // SAFETY: `end <= initialized`.
        unsafe { assume_init_mut(&mut self.buf[self.filled..end]) }
    }

    /// Where the memory is, and how much: what tells whether a reader has put another buffer in place of this.
    #[inline]
    pub(crate) fn memory(&self) -> (*const MaybeUninit<u8>, usize) {
        (self.buf.as_ptr(), self.buf.len())
    }

    /// How many bytes may still be filled.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.capacity() - self.filled
    }

    /// Makes it empty. What was initialized stays so.
    #[inline]
    pub fn clear(&mut self) {
        self.filled = 0;
    }

    /// Counts the next `n` bytes, which are initialized, as filled.
    ///
    /// # Panics
    ///
    /// If they are not initialized.
    #[inline]
    #[track_caller]
    pub fn advance(&mut self, n: usize) {
        let filled = self.filled.checked_add(n).expect("filled overflow");
        self.set_filled(filled);
    }

    /// Counts the first `n` bytes of the buffer, which are initialized, and no more as filled.
    ///
    /// # Panics
    ///
    /// If they are not initialized.
    #[inline]
    #[track_caller]
    pub fn set_filled(&mut self, n: usize) {
        assert!(n <= self.initialized, "filled must not become larger than initialized");
        self.filled = n;
    }

    /// Says that the first `n` bytes of the unfilled part are initialized. Does not count them as filled.
    ///
    /// # Safety
    ///
    /// They are.
    #[inline]
    pub unsafe fn assume_init(&mut self, n: usize) {
        self.initialized = self.initialized.max(self.filled + n);
    }

    /// Appends `buf` to the filled part.
    ///
    /// # Panics
    ///
    /// If it does not fit into what [`remains`](Self::remaining).
    #[inline]
    #[track_caller]
    pub fn put_slice(&mut self, buf: &[u8]) {
        assert!(
            self.remaining() >= buf.len(),
            "buf.len() must fit in remaining(); buf.len() = {}, remaining() = {}",
            buf.len(),
            self.remaining()
        );
        let end = self.filled + buf.len();
        let to = self.buf[self.filled..end].as_mut_ptr().cast::<u8>();
        // SAFETY: `to` is `buf.len()` bytes of ours, and borrowed exclusively, so that they do not overlap `buf`.
        unsafe { to.copy_from_nonoverlapping(buf.as_ptr(), buf.len()) };
        self.initialized = self.initialized.max(end);
        self.filled = end;
    }
}

// SAFETY: `chunk_mut` is the memory behind the mark that `advance_mut` moves.
unsafe impl BufMut for ReadBuf<'_> {
    fn remaining_mut(&self) -> usize {
        self.remaining()
    }

    unsafe fn advance_mut(&mut self, count: usize) {
        // SAFETY: the caller has initialized them.
        unsafe { self.assume_init(count) };
        self.advance(count);
    }

    fn chunk_mut(&mut self) -> &mut UninitSlice {
        // SAFETY: an `UninitSlice` does not let anybody make its bytes uninitialized.
        UninitSlice::uninit(unsafe { self.unfilled_mut() })
    }
}

impl fmt::Debug for ReadBuf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadBuf")
            .field("filled", &self.filled)
            .field("initialized", &self.initialized)
            .field("capacity", &self.capacity())
            .finish()
    }
}
