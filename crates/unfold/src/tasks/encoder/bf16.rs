//! Numbers of 16 bits with the exponent of 32: two bytes keep a feature to three digits.

/// The nearest number of 16 bits; of two the even one.
pub(super) fn narrow(x: f32) -> u16 {
    let bits = x.to_bits();
    if x.is_nan() {
        return (bits >> 16) as u16 | 0x40; // stays one
    }
    let rest = bits + 0x7fff + ((bits >> 16) & 1);
    (rest >> 16) as u16
}

/// The same number in 32 bits.
pub(super) fn wide(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_to_nearest_even() {
        let round = |x: f32| wide(narrow(x));
        for exact in [0.0, -0.0, 1.0, -2.5, 6.0, f32::INFINITY, 1.007_812_5] {
            assert_eq!(round(exact).to_bits(), f32::to_bits(exact));
        }
        // One step is 2^-7 above 1: a half goes to the even neighbour, a little more up.
        assert_eq!(round(1.0 + 0.5 / 128.0), 1.0);
        assert_eq!(round(1.0 + 1.5 / 128.0), 1.0 + 2.0 / 128.0);
        assert_eq!(round(1.0 + 0.51 / 128.0), 1.0 + 1.0 / 128.0);
        assert_eq!(round(f32::MAX), f32::INFINITY);
        assert!(round(f32::NAN).is_nan() && round(f32::from_bits(0x7f80_0001)).is_nan());
    }
}
