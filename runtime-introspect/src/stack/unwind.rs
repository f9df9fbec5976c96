//! Unwinding: from registers and a stack to the addresses of the calls that are under way.
//!
//! By the DWARF tables that every Rust program carries for its panics (framehop reads them): no frame pointers needed, no
//! help from the C library, no lock, no allocation while it works, about half a microsecond a stack. Two things are
//! unwound:
//!
//! * the **calling thread**, from where it is ([`Unwinder::record_here`]): inside a waker's `clone`, where a future that
//!   waits has just been asked for by name;
//! * a **copy** ([`Unwinder::record_copy`]): registers and bytes of a stack that a signal handler has set aside, see
//!   `copied`. The handler itself never unwinds: it may have interrupted an unwinder.
//!
//! **Memory is never walked unchecked.** Each word is read within bounds: of the copy; or of this thread's own stack, which
//! it has asked the C library for, from its stack pointer to where the recording is to end. A stack pointer that is outside
//! (code that has switched stacks) gives no frames. An address of which no module has a rule is tried by its frame pointer,
//! within the same bounds.
//!
//! Addresses are those *inside* the call: what follows a call may be another function, or another line.

use std::marker::PhantomData;
use std::sync::Arc;

use framehop::Unwinder as _;

use super::arch::{self, Cache, Registers};
use super::modules::{self, Modules};

/// Frames of a stack at most: what is beyond is cut, and said to be.
pub const DEEPEST: usize = 256;

/// The addresses of a stack's calls, the innermost first: a buffer that is used again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frames {
    addresses: Vec<u64>,
    cut: bool,
}

impl Default for Frames {
    fn default() -> Self {
        Self { addresses: Vec::with_capacity(DEEPEST), cut: false }
    }
}

impl Frames {
    /// The addresses, the innermost first: of the instruction itself, where a thread was interrupted; else inside calls.
    pub fn addresses(&self) -> &[u64] {
        &self.addresses
    }

    /// Whether outer frames are missing: the stack is deeper than [`DEEPEST`], than what was copied of it, or it could not
    /// be followed further.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    fn clear(&mut self) {
        self.addresses.clear();
        self.cut = false;
    }
}

/// The calling thread's stack, as far as it may be read: from the outermost frame that is wanted to its end.
///
/// It stays on its thread.
#[derive(Debug)]
pub struct OwnStack {
    low: u64,
    high: u64,
    stays: PhantomData<*const ()>,
}

impl OwnStack {
    /// The whole stack of this thread; none where that cannot be had.
    pub fn whole() -> Option<Self> {
        let (low, high) = bounds::of_this_thread()?;
        Some(Self { low, high, stays: PhantomData })
    }

    /// Without the frames that are outside of the function that calls this.
    #[inline(always)]
    pub fn up_to_here(self) -> Self {
        let here = Registers::here().sp;
        if (self.low..self.high).contains(&here) { Self { high: here, ..self } } else { self }
    }
}

/// What unwinds: a list of modules, and memory for rules. One for each thread that does.
pub struct Unwinder {
    modules: Arc<Modules>,
    cache: Box<Cache>,
}

impl Unwinder {
    /// An unwinder for the modules that are loaded now; none where unwinding is not supported.
    ///
    /// Takes milliseconds, once in a process.
    pub fn new() -> Option<Self> {
        arch::SUPPORTED.then(|| Self { modules: modules::current(), cache: Box::new(Cache::new_in()) })
    }

    /// Looks whether modules have come or gone: between two dumps, not between two stacks.
    pub fn refresh(&mut self) {
        self.modules = modules::current();
    }

    /// Unwinds this thread's stack, from the function that calls outwards, to the end of `stack`.
    #[inline(never)]
    pub fn record_here(&mut self, stack: &OwnStack, frames: &mut Frames) {
        let registers = Registers::here();
        frames.clear();
        if !(stack.low..stack.high).contains(&registers.sp) {
            frames.cut = true;
            return;
        }
        let readable = registers.sp..stack.high;
        let mut came_to_end = false;
        let mut read = |address: u64| {
            let end = address.checked_add(8).ok_or(())?;
            came_to_end |= end > readable.end;
            if address < readable.start || end > readable.end {
                return Err(());
            }
            // SAFETY: this thread's own stack, between its stack pointer and a function that has called this one.
            Ok(unsafe { (address as *const u64).read_unaligned() })
        };
        self.record(&registers, &mut read, frames);
        // Where the stack was to end, nothing is missing.
        frames.cut &= !came_to_end;
        // This function itself.
        if !frames.addresses.is_empty() {
            frames.addresses.remove(0);
        }
    }

    /// Unwinds a stack that was copied: `bytes` were at `registers.sp`.
    pub fn record_copy(&mut self, registers: &Registers, bytes: &[u8], frames: &mut Frames) {
        frames.clear();
        let mut read = |address: u64| {
            let at = usize::try_from(address.checked_sub(registers.sp).ok_or(())?).map_err(|_| ())?;
            let word = bytes.get(at..at.checked_add(8).ok_or(())?).ok_or(())?;
            Ok(u64::from_ne_bytes(word.try_into().map_err(|_| ())?))
        };
        self.record(registers, &mut read, frames);
    }

    fn record(&mut self, registers: &Registers, read: &mut impl FnMut(u64) -> Result<u64, ()>, frames: &mut Frames) {
        let unwound = arch::for_rules(registers, self.modules.highest_code);
        let mut calls = self.modules.rules.iter_frames(registers.pc, unwound, &mut self.cache, read);
        loop {
            match calls.next() {
                Ok(Some(_)) if frames.addresses.len() == DEEPEST => {
                    frames.cut = true;
                    return;
                }
                Ok(Some(frame)) => frames.addresses.push(frame.address_for_lookup()),
                Ok(None) => return,
                Err(_) => {
                    frames.cut = true;
                    return;
                }
            }
        }
    }
}

#[cfg(target_os = "linux")]
mod bounds {
    /// Lowest and highest address of the calling thread's stack.
    pub fn of_this_thread() -> Option<(u64, u64)> {
        let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
        let (mut low, mut size) = (std::ptr::null_mut(), 0);
        // SAFETY: filled by the first call, read by the second, and freed by the third if it was filled.
        let known = unsafe {
            if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
                return None;
            }
            let failed = libc::pthread_attr_getstack(attributes.as_ptr(), &mut low, &mut size);
            libc::pthread_attr_destroy(attributes.as_mut_ptr());
            failed == 0
        };
        known.then(|| (low as u64, (low as u64).saturating_add(size as u64)))
    }
}

#[cfg(not(target_os = "linux"))]
mod bounds {
    pub fn of_this_thread() -> Option<(u64, u64)> {
        None
    }
}
