//! One vector trait, one implementation for each instruction set, and the choice among them.
//!
//! A kernel is a value with a generic `run`; [`Dispatch::dispatch`] picks the vector type of this machine
//! and calls `run` from a function compiled for its instruction set. Everything `run` calls per element
//! must be `#[inline(always)]`, so no closure: only code inlined there is compiled for that instruction set,
//! and vectors handed to a function that is not cost a call for every operation. The vector
//! types are named nowhere else, so their methods run only on machines that have the instructions.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod math;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod sse;

use std::sync::OnceLock;

use crate::float::Float;

/// A register of `LANES` elements.
pub trait Vector: Copy + Send + Sync + 'static {
    /// The element type.
    type Elem: Float;
    /// Elements in a register.
    const LANES: usize;
    /// Rows of a matrix-product tile of two registers a row: as many as the register file holds.
    const TILE_ROWS: usize;

    /// All lanes equal to `x`.
    fn splat(x: Self::Elem) -> Self;
    /// Reads `LANES` elements.
    ///
    /// # Safety
    /// `p` is valid for reading `LANES` elements; it need not be aligned.
    unsafe fn load(p: *const Self::Elem) -> Self;
    /// Writes `LANES` elements.
    ///
    /// # Safety
    /// `p` is valid for writing `LANES` elements; it need not be aligned.
    unsafe fn store(self, p: *mut Self::Elem);
    /// Reads `n < LANES` elements; the other lanes are zero.
    ///
    /// # Safety
    /// `p` is valid for reading `n` elements.
    unsafe fn load_part(p: *const Self::Elem, n: usize) -> Self;
    /// Writes the first `n < LANES` elements.
    ///
    /// # Safety
    /// `p` is valid for writing `n` elements.
    unsafe fn store_part(self, p: *mut Self::Elem, n: usize);

    /// Turns a square of four rows: element `c` of row `r` goes to `to[c * apart + r]`.
    ///
    /// # Safety
    /// Each of `from` is valid for reading 4 elements, and `to` for writing 4 from each of its 4 places on.
    #[inline(always)]
    unsafe fn transpose4(from: [*const Self::Elem; 4], to: *mut Self::Elem, apart: usize) {
        for (r, from) in from.into_iter().enumerate() {
            for c in 0..4 {
                // SAFETY: by the caller's promise.
                unsafe { *to.add(c * apart + r) = *from.add(c) };
            }
        }
    }

    /// `self + o`.
    fn add(self, o: Self) -> Self;
    /// `self - o`.
    fn sub(self, o: Self) -> Self;
    /// `self * o`.
    fn mul(self, o: Self) -> Self;
    /// `self / o`.
    fn div(self, o: Self) -> Self;
    /// `self * a + b`, rounded once where the machine can.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// `self > o ? self : o`: `o` where either is NaN.
    fn max(self, o: Self) -> Self;
    /// `self < o ? self : o`: `o` where either is NaN.
    fn min(self, o: Self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Nearest whole number, ties to even.
    fn round(self) -> Self;
    /// Two to the power `self`, a whole number within the range of normal exponents.
    fn pow2(self) -> Self;
    /// `self > o ? yes : no`, lane by lane.
    fn select_gt(self, o: Self, yes: Self, no: Self) -> Self;
    /// The lanes as an array in memory order, in the first `LANES` places.
    fn to_array(self) -> [Self::Elem; MAX_LANES];
    /// e to the power `self`.
    fn exp(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// Logistic function.
    fn sigmoid(self) -> Self;

    /// The probability that a normal variable of mean 0 and deviation 1 lies below.
    #[inline(always)]
    fn normal_cdf(self) -> Self {
        math::lanes(self, Self::Elem::normal_cdf)
    }
    /// Natural logarithm.
    #[inline(always)]
    fn ln(self) -> Self {
        math::lanes(self, Self::Elem::ln)
    }
    /// The sum of the lanes, halves first.
    #[inline(always)]
    fn reduce_sum(self) -> Self::Elem {
        let mut a = self.to_array();
        let mut n = Self::LANES;
        while n > 1 {
            n /= 2;
            for i in 0..n {
                a[i] += a[i + n];
            }
        }
        a[0]
    }
    /// The largest lane.
    #[inline(always)]
    fn reduce_max(self) -> Self::Elem {
        let a = self.to_array();
        let mut best = a[0];
        for &x in &a[1..Self::LANES] {
            best = if x > best { x } else { best };
        }
        best
    }
    /// Reads up to `LANES` elements from the front of `s`; the other lanes are zero.
    #[inline(always)]
    fn read(s: &[Self::Elem]) -> Self {
        if s.len() >= Self::LANES {
            // SAFETY: `s` has at least LANES elements.
            unsafe { Self::load(s.as_ptr()) }
        } else {
            // SAFETY: `s` has exactly this many elements, fewer than LANES.
            unsafe { Self::load_part(s.as_ptr(), s.len()) }
        }
    }
    /// Writes as many lanes as fit to the front of `s`.
    #[inline(always)]
    fn write(self, s: &mut [Self::Elem]) {
        if s.len() >= Self::LANES {
            // SAFETY: `s` has at least LANES elements.
            unsafe { self.store(s.as_mut_ptr()) }
        } else {
            // SAFETY: `s` has exactly this many elements, fewer than LANES.
            unsafe { self.store_part(s.as_mut_ptr(), s.len()) }
        }
    }
}

/// The widest register of any instruction set, in elements of `f32`.
pub(crate) const MAX_LANES: usize = 16;

/// Asks for the cache lines of `len` elements, which may lie outside any memory.
#[inline(always)]
pub(crate) fn prefetch<E>(from: *const E, len: usize) {
    #[cfg(target_arch = "x86_64")]
    for at in (0..len).step_by(64 / size_of::<E>()) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint; any address will do, and every x86_64 machine has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(at).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (from, len);
}

/// Work written once for every vector type. `run` must be `#[inline(always)]`.
pub trait Kernel<E> {
    /// What the work returns.
    type Out;
    /// Does the work with vectors of type `V`.
    fn run<V: Vector<Elem = E>>(self) -> Self::Out;
}

/// The places `i .. i + LANES` of the vectors in `0 .. n`, the last one perhaps short. To loop over, with no
/// closure about the loop's body.
#[inline(always)]
pub(crate) fn places<V: Vector>(n: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..n)
        .step_by(V::LANES)
        .map(move |i| i..n.min(i + V::LANES))
}

/// The choice of a vector type for an element type.
pub trait Dispatch: Sized {
    /// Runs `kernel` with the best vector type of this machine.
    fn dispatch<K: Kernel<Self>>(kernel: K) -> K::Out {
        Self::dispatch_at(level(), kernel)
    }
    /// Runs `kernel` with the vector type of `level`.
    fn dispatch_at<K: Kernel<Self>>(level: Level, kernel: K) -> K::Out;
}

/// An instruction set this machine has been seen to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Set {
    Scalar,
    #[cfg(target_arch = "aarch64")]
    Neon,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    fn name(self) -> &'static str {
        match self.0 {
            Set::Scalar => "scalar",
            #[cfg(target_arch = "aarch64")]
            Set::Neon => "neon",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "avx512",
        }
    }
}

/// Every instruction set of this machine, the best one last. The only place that makes a [`Level`].
pub(crate) fn levels() -> Vec<Level> {
    let mut found = vec![Level(Set::Scalar)];
    #[cfg(target_arch = "aarch64")]
    found.push(Level(Set::Neon));
    #[cfg(target_arch = "x86_64")]
    {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        if avx2 {
            found.push(Level(Set::Avx2));
        }
        if avx2 && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
            found.push(Level(Set::Avx512));
        }
    }
    found
}

/// The instruction set in use.
fn level() -> Level {
    #[cfg(test)]
    if let Some(level) = FORCED.get() {
        return level;
    }
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| match chosen() {
        Ok(level) => level,
        Err(problem) => panic!("{problem}"),
    })
}

/// The best instruction set, or the one that the environment asks for.
fn chosen() -> Result<Level, String> {
    let found = levels();
    let Some(name) = std::env::var_os("UNFOLD_SIMD") else {
        return Ok(found[found.len() - 1]);
    };
    let named = found.iter().find(|level| name == level.name());
    named.copied().ok_or_else(|| {
        let names: Vec<&str> = found.iter().map(|level| level.name()).collect();
        format!(
            "UNFOLD_SIMD names {}; this machine has {}",
            name.display(),
            names.join(", ")
        )
    })
}

/// Checks that the instruction set which the environment variable `UNFOLD_SIMD` names, if it is set, is one of this machine's.
///
/// # Errors
/// Saying what it names and what the machine has.
pub fn check_simd() -> Result<(), String> {
    chosen().map(drop)
}

/// The instruction set in use: `"scalar"`, `"avx2"`, `"avx512"` or `"neon"`.
///
/// It is the best one of this machine unless the environment variable `UNFOLD_SIMD`, read once, names another one.
///
/// # Panics
/// When it names one that the machine lacks ([`check_simd`]), as every kernel then does.
pub fn simd_level() -> &'static str {
    level().name()
}

macro_rules! dispatch {
    ($elem:ty, $scalar:ty, $avx2:ident, $avx512:ident, $neon:ident) => {
        impl Dispatch for $elem {
            #[inline]
            fn dispatch_at<K: Kernel<Self>>(level: Level, kernel: K) -> K::Out {
                match level.0 {
                    Set::Scalar => kernel.run::<$scalar>(),
                    #[cfg(target_arch = "aarch64")]
                    Set::Neon => kernel.run::<neon::$neon>(),
                    #[cfg(target_arch = "x86_64")]
                    Set::Avx2 => {
                        #[target_feature(enable = "avx2,fma")]
                        #[inline(never)]
                        fn call<K: Kernel<$elem>>(kernel: K) -> K::Out {
                            kernel.run::<avx2::$avx2>()
                        }
                        // SAFETY: a Level of this set is made only where the machine has avx2 and fma.
                        unsafe { call(kernel) }
                    }
                    #[cfg(target_arch = "x86_64")]
                    Set::Avx512 => {
                        #[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
                        #[inline(never)]
                        fn call<K: Kernel<$elem>>(kernel: K) -> K::Out {
                            kernel.run::<avx512::$avx512>()
                        }
                        // SAFETY: a Level of this set is made only where the machine has these features.
                        unsafe { call(kernel) }
                    }
                }
            }
        }
    };
}

dispatch!(f32, f32, F32x8, F32x16, F32x4);
dispatch!(f64, f64, F64x4, F64x8, F64x2);

#[cfg(test)]
thread_local! {
    /// The instruction set that kernels use on this thread, in place of the best one.
    pub(crate) static FORCED: std::cell::Cell<Option<Level>> = const { std::cell::Cell::new(None) };
}

#[cfg(test)]
mod tests;
