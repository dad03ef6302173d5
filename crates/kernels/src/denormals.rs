//! Denormals as zero: numbers next to zero can take a processor a hundred times as long.
//!
//! Rust's floating-point semantics know nothing of this mode: what the compiler computes itself, as of two constants, keeps
//! denormals. Kernels compute with what lies in memory, where the processor alone decides.

/// Flushes denormals to zero on this thread until dropped.
pub(crate) struct Flush(u64);

impl Flush {
    pub(crate) fn start() -> Self {
        let old = machine::control();
        machine::set_control(old | machine::FLUSH);
        Flush(old)
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        machine::set_control(self.0);
    }
}

/// The register that says what becomes of denormals.
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod machine {
    /// Flush to zero, and denormals are zero.
    pub(super) const FLUSH: u64 = 0x8040;

    pub(super) fn control() -> u64 {
        let mut csr = 0u32;
        // SAFETY: stores the control register to a local variable; every x86_64 machine has it.
        unsafe {
            std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut csr, options(nostack, preserves_flags))
        };
        u64::from(csr)
    }

    pub(super) fn set_control(csr: u64) {
        let csr = csr as u32;
        // SAFETY: the value was read from the register, with the two flush bits changed at most: no reserved
        // bit and no rounding mode changes.
        unsafe {
            std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const csr, options(nostack, preserves_flags))
        };
    }
}

#[cfg(all(target_arch = "aarch64", not(miri)))]
mod machine {
    /// Flush to zero.
    pub(super) const FLUSH: u64 = 1 << 24;

    pub(super) fn control() -> u64 {
        let fpcr: u64;
        // SAFETY: reads the control register that every aarch64 machine has.
        unsafe {
            std::arch::asm!("mrs {}, fpcr", out(reg) fpcr, options(nomem, nostack, preserves_flags))
        };
        fpcr
    }

    pub(super) fn set_control(fpcr: u64) {
        // SAFETY: the value was read from the register, with the flush bit changed at most.
        unsafe {
            std::arch::asm!("msr fpcr, {}", in(reg) fpcr, options(nomem, nostack, preserves_flags))
        };
    }
}

/// Elsewhere, and where there is no such register to interpret, denormals stay.
#[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod machine {
    pub(super) const FLUSH: u64 = 0;

    pub(super) fn control() -> u64 {
        0
    }

    pub(super) fn set_control(_: u64) {}
}
