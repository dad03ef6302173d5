//! Zeros to read.

use std::ops::Deref;

use crate::buffer::{Buffer, Plain};

/// So many bytes of zeros are there for all: who asks for fewer neither takes memory nor waits for whoever does.
const SHORT: usize = 32 << 10;

#[repr(align(64))]
struct Short([u8; SHORT]);

static ALL: Short = Short([0; SHORT]);

/// A list of zeros.
pub(crate) enum Zeros<E: Plain> {
    Short(&'static [E]),
    Long(Buffer<E>),
}

impl<E: Plain> Zeros<E> {
    pub(crate) fn new(len: usize) -> Self {
        if len > SHORT / size_of::<E>() {
            return Zeros::Long(Buffer::zeros(len));
        }
        // SAFETY: so many elements fit, any bytes are values of a Plain type, and no such type is aligned to more than 64 bytes.
        Zeros::Short(unsafe { std::slice::from_raw_parts(ALL.0.as_ptr().cast(), len) })
    }
}

impl<E: Plain> Deref for Zeros<E> {
    type Target = [E];
    fn deref(&self) -> &[E] {
        match self {
            Zeros::Short(all) => all,
            Zeros::Long(all) => all,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_zeros() {
        for len in [0, 1, 4096, 8192, 8193, 20_000] {
            let zeros = Zeros::<f32>::new(len);
            assert!(zeros.len() == len && zeros.iter().all(|&x| x == 0.0));
        }
        assert_eq!(Zeros::<f64>::new(5000)[..], [0.0; 5000]);
    }
}
