//! Colours that people with any colour vision can tell apart.

use std::fmt;

/// An opaque sRGB colour, written `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colour(pub(crate) u8, pub(crate) u8, pub(crate) u8);

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

/// The paper.
pub(crate) const WHITE: Colour = Colour(255, 255, 255);
/// Titles and values.
pub(crate) const INK: Colour = Colour(0x1f, 0x23, 0x28);
/// Labels and explanations.
pub(crate) const MUTED: Colour = Colour(0x62, 0x6a, 0x73);
/// Grid lines and frames.
pub(crate) const GRID: Colour = Colour(0xe6, 0xe8, 0xeb);

/// The line colours of Okabe and Ito, strongest first.
pub(crate) const BLUE: Colour = Colour(0x00, 0x72, 0xb2);
/// Vermilion of Okabe and Ito.
pub(crate) const VERMILION: Colour = Colour(0xd5, 0x5e, 0x00);
/// Bluish green of Okabe and Ito.
pub(crate) const GREEN: Colour = Colour(0x00, 0x9e, 0x73);
/// Sky blue of Okabe and Ito.
pub(crate) const SKY: Colour = Colour(0x56, 0xb4, 0xe9);
/// Reddish purple of Okabe and Ito.
pub(crate) const PURPLE: Colour = Colour(0xcc, 0x79, 0xa7);

/// `a` at `t = 0`, `b` at `t = 1`.
pub(crate) fn mix(a: Colour, b: Colour, t: f32) -> Colour {
    let t = t.clamp(0.0, 1.0);
    let channel = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * t).round() as u8;
    Colour(channel(a.0, b.0), channel(a.1, b.1), channel(a.2, b.2))
}

fn ramp(stops: &[Colour], t: f32) -> Colour {
    let last = stops.len() - 1;
    let place = t.clamp(0.0, 1.0) * last as f32;
    let left = (place as usize).min(last - 1);
    mix(stops[left], stops[left + 1], place - left as f32)
}

/// One ramp below zero, another above.
fn signed(against: &[Colour], for_: &[Colour], t: f32) -> Colour {
    match t < 0.0 {
        true => ramp(against, -t),
        false => ramp(for_, t),
    }
}

/// White to deep blue for a share from 0 to 1.
pub(crate) fn sequential(t: f32) -> Colour {
    const STOPS: [Colour; 6] = [
        Colour(0xfb, 0xfc, 0xfe),
        Colour(0xd3, 0xe4, 0xf3),
        Colour(0x95, 0xc4, 0xe2),
        Colour(0x4a, 0x98, 0xc9),
        Colour(0x19, 0x66, 0xad),
        Colour(0x08, 0x36, 0x74),
    ];
    ramp(&STOPS, t)
}

/// Vermilion at -1, white at 0, blue at 1.
pub(crate) fn diverging(t: f32) -> Colour {
    const AGAINST: [Colour; 3] = [WHITE, Colour(0xfb, 0xc7, 0x9a), Colour(0xe0, 0x72, 0x1c)];
    const FOR: [Colour; 3] = [WHITE, Colour(0xa9, 0xd2, 0xee), Colour(0x2b, 0x86, 0xc4)];
    signed(&AGAINST, &FOR, t)
}

/// Black to pale yellow for a share from 0 to 1, by violet and red: light that shows on dark photographs too.
pub(crate) fn glow(t: f32) -> Colour {
    const STOPS: [Colour; 5] = [
        Colour(0x00, 0x00, 0x04),
        Colour(0x57, 0x10, 0x6e),
        Colour(0xbc, 0x37, 0x54),
        Colour(0xf9, 0x8e, 0x09),
        Colour(0xfc, 0xff, 0xa4),
    ];
    ramp(&STOPS, t)
}

/// Pale orange at -1, black at 0, pale blue at 1.
pub(crate) fn diverging_glow(t: f32) -> Colour {
    const BLACK: Colour = Colour(0, 0, 0);
    const AGAINST: [Colour; 3] = [BLACK, Colour(0xd0, 0x5a, 0x0a), Colour(0xff, 0xd2, 0x8f)];
    const FOR: [Colour; 3] = [BLACK, Colour(0x1b, 0x82, 0xd0), Colour(0xb5, 0xea, 0xff)];
    signed(&AGAINST, &FOR, t)
}

/// Ink or white, whichever is easier to read on `background`.
pub(crate) fn ink_on(background: Colour) -> Colour {
    let linear = |c: u8| (f32::from(c) / 255.0).powf(2.2);
    let luminance = 0.2126 * linear(background.0)
        + 0.7152 * linear(background.1)
        + 0.0722 * linear(background.2);
    if luminance > 0.3 { INK } else { WHITE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ramps_reach_their_ends() {
        assert_eq!(sequential(1.0), Colour(0x08, 0x36, 0x74));
        assert_eq!(sequential(-3.0), sequential(0.0));
        assert_eq!(diverging(0.0), WHITE);
        assert_eq!(diverging(-1.0), Colour(0xe0, 0x72, 0x1c));
        assert_eq!(diverging(f32::NAN.max(0.5)), diverging(0.5));
        assert_eq!(glow(2.0), Colour(0xfc, 0xff, 0xa4));
        assert_eq!(diverging_glow(0.0), Colour(0, 0, 0));
        assert_eq!(diverging_glow(-1.0), Colour(0xff, 0xd2, 0x8f));
    }

    #[test]
    fn text_stays_readable() {
        assert_eq!(ink_on(sequential(0.0)), INK);
        assert_eq!(ink_on(sequential(1.0)), WHITE);
    }

    #[test]
    fn written_as_hex() {
        assert_eq!(VERMILION.to_string(), "#d55e00");
    }
}
