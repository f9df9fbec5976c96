//! The processor's registers that a stack is unwound from, and which unwinder reads them.
//!
//! | | reads |
//! | --- | --- |
//! | [`Registers::here`] | the calling thread, at the line that calls it |
//! | [`Registers::interrupted`] | a thread that a signal has stopped, from what the kernel gave its handler |
//!
//! x86_64 and aarch64 on Linux; elsewhere everything compiles, [`SUPPORTED`] is false, and nobody calls the rest.
//! All that depends on the processor is in this file. It refuses to read memory.

/// What an unwinder has to know of a thread: where it is, and where its stack is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    /// The instruction.
    pub pc: u64,
    /// The stack pointer.
    pub sp: u64,
    /// The frame pointer, or whatever is in its register.
    pub fp: u64,
    /// The return address, where a register has it (aarch64).
    pub lr: u64,
}

/// Unwind rules, and where they are kept: no allocation while unwinding.
pub(super) type Policy = framehop::MustNotAllocateDuringUnwind;
/// The bytes of a module's tables: copied, so that they stay when the module goes.
pub(super) type Bytes = std::sync::Arc<[u8]>;

pub use imp::SUPPORTED;
pub(super) use imp::{Cache, Rules, for_rules, thread_end};

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod imp {
    use super::{Bytes, Policy, Registers};
    use framehop::x86_64::{CacheX86_64, UnwindRegsX86_64, UnwinderX86_64};

    /// Whether stacks can be unwound on this platform.
    pub const SUPPORTED: bool = true;

    pub type Rules = UnwinderX86_64<Bytes, Policy>;
    pub type Cache = CacheX86_64<Policy>;

    pub fn for_rules(registers: &Registers, _highest_code: u64) -> UnwindRegsX86_64 {
        UnwindRegsX86_64::new(registers.pc, registers.sp, registers.fp)
    }

    /// The thread's own block, which the C libraries put behind the stacks of the threads that they make.
    pub fn thread_end() -> u64 {
        let block: u64;
        // SAFETY: the ABI keeps the address of a thread's block in its first word.
        unsafe { std::arch::asm!("mov {}, fs:[0]", out(reg) block, options(nostack, readonly, preserves_flags)) };
        block
    }

    impl Registers {
        /// This thread's, in the function that calls.
        #[inline(always)]
        pub fn here() -> Self {
            let (pc, sp, fp): (u64, u64, u64);
            // SAFETY: reads three registers.
            unsafe {
                std::arch::asm!(
                    "lea {0}, [rip]", "mov {1}, rsp", "mov {2}, rbp",
                    out(reg) pc, out(reg) sp, out(reg) fp,
                    options(nostack, nomem, preserves_flags),
                );
            }
            Self { pc, sp, fp, lr: 0 }
        }

        /// Those of the thread that a signal has stopped.
        ///
        /// # Safety
        /// `context` is what the kernel gave a handler that was installed with `SA_SIGINFO`.
        pub unsafe fn interrupted(context: *const libc::c_void) -> Self {
            // SAFETY: the caller's promise.
            let saved = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
            let register = |index: libc::c_int| saved[index as usize] as u64;
            Self { pc: register(libc::REG_RIP), sp: register(libc::REG_RSP), fp: register(libc::REG_RBP), lr: 0 }
        }
    }
}

#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
mod imp {
    use super::{Bytes, Policy, Registers};
    use framehop::aarch64::{CacheAarch64, PtrAuthMask, UnwindRegsAarch64, UnwinderAarch64};

    /// Whether stacks can be unwound on this platform.
    pub const SUPPORTED: bool = true;

    pub type Rules = UnwinderAarch64<Bytes, Policy>;
    pub type Cache = CacheAarch64<Policy>;

    /// Return addresses may carry a signature in the bits that no code address has.
    pub fn for_rules(registers: &Registers, highest_code: u64) -> UnwindRegsAarch64 {
        let mask = PtrAuthMask::from_max_known_address(highest_code);
        UnwindRegsAarch64::new_with_ptr_auth_mask(mask, registers.lr, registers.sp, registers.fp)
    }

    /// The thread's own block, which the C libraries put behind the stacks of the threads that they make.
    pub fn thread_end() -> u64 {
        let block: u64;
        // SAFETY: reads a register.
        unsafe { std::arch::asm!("mrs {}, tpidr_el0", out(reg) block, options(nostack, nomem, preserves_flags)) };
        block
    }

    impl Registers {
        /// This thread's, in the function that calls.
        #[inline(always)]
        pub fn here() -> Self {
            let (pc, sp, fp, lr): (u64, u64, u64, u64);
            // SAFETY: reads four registers.
            unsafe {
                std::arch::asm!(
                    "adr {0}, .", "mov {1}, sp", "mov {2}, x29", "mov {3}, x30",
                    out(reg) pc, out(reg) sp, out(reg) fp, out(reg) lr,
                    options(nostack, nomem, preserves_flags),
                );
            }
            Self { pc, sp, fp, lr }
        }

        /// Those of the thread that a signal has stopped.
        ///
        /// # Safety
        /// `context` is what the kernel gave a handler that was installed with `SA_SIGINFO`.
        pub unsafe fn interrupted(context: *const libc::c_void) -> Self {
            // SAFETY: the caller's promise.
            let saved = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext };
            Self { pc: saved.pc, sp: saved.sp, fp: saved.regs[29], lr: saved.regs[30] }
        }
    }
}

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod imp {
    use super::{Bytes, Policy, Registers};
    use framehop::x86_64::{CacheX86_64, UnwindRegsX86_64, UnwinderX86_64};

    /// Whether stacks can be unwound on this platform.
    pub const SUPPORTED: bool = false;

    pub type Rules = UnwinderX86_64<Bytes, Policy>;
    pub type Cache = CacheX86_64<Policy>;

    pub fn for_rules(registers: &Registers, _highest_code: u64) -> UnwindRegsX86_64 {
        UnwindRegsX86_64::new(registers.pc, registers.sp, registers.fp)
    }

    pub fn thread_end() -> u64 {
        0
    }

    impl Registers {
        /// Nothing.
        pub fn here() -> Self {
            Self::default()
        }

        /// Nothing.
        ///
        /// # Safety
        /// None is needed here.
        pub unsafe fn interrupted(_context: *const libc::c_void) -> Self {
            Self::default()
        }
    }
}
