//! Axes with round numbers on them.

use crate::wording::count;

/// The range of an axis and the values written beside it.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    lo: f64,
    hi: f64,
    step: f64,
    format: Format,
}

/// How values of an axis are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// As many decimals as the step between ticks needs.
    Number,
    /// Whole numbers only, thousands apart.
    Count,
    /// A share of one, written as percent.
    Percent,
}

impl Axis {
    /// An axis from `lo` to `hi`, widened to ticks where `rounded`, with about `wanted` ticks.
    pub(super) fn fit(lo: f64, hi: f64, wanted: usize, format: Format, rounded: bool) -> Self {
        let (mut lo, mut hi) = if lo.is_finite() && hi.is_finite() {
            (lo.min(hi), hi.max(lo))
        } else {
            (0.0, 1.0)
        };
        if format == Format::Percent {
            (lo, hi) = (lo.clamp(0.0, 1.0), hi.clamp(0.0, 1.0));
        }
        if hi - lo <= 1e-9 * hi.abs().max(lo.abs()).max(1e-3) {
            let room = if hi == 0.0 { 1.0 } else { hi.abs() * 0.1 };
            (lo, hi) = (lo - room, hi + room);
        }
        let mut step = nice((hi - lo) / wanted.max(1) as f64);
        if format == Format::Count {
            step = step.max(1.0);
        }
        if rounded {
            lo = (lo / step + 1e-9).floor() * step;
            hi = (hi / step - 1e-9).ceil() * step;
        }
        if format == Format::Percent {
            (lo, hi) = (lo.max(0.0), hi.min(1.0));
        }
        Self {
            lo,
            hi,
            step,
            format,
        }
    }

    /// Where `value` lies: 0 at the low end, 1 at the high end, never outside.
    pub(super) fn place(&self, value: f64) -> f32 {
        ((value - self.lo) / (self.hi - self.lo)).clamp(0.0, 1.0) as f32
    }

    /// Each tick and its label.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let first = (self.lo / self.step - 1e-6).ceil() as i64;
        let last = (self.hi / self.step + 1e-6).floor() as i64;
        (first..=last)
            .map(|i| i as f64 * self.step)
            .map(|value| (value, self.label(value)))
            .collect()
    }

    fn label(&self, value: f64) -> String {
        let decimals = |step: f64| (-(step + step * 1e-9).log10().floor()).clamp(0.0, 9.0) as usize;
        match self.format {
            Format::Count => count(value.round() as u64),
            Format::Percent => format!("{:.*} %", decimals(self.step * 100.0), value * 100.0),
            Format::Number => format!("{value:.*}", decimals(self.step)),
        }
    }
}

/// 1, 2 or 5 times a power of ten, the first that is no smaller than `rough`.
fn nice(rough: f64) -> f64 {
    let power = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|&step| step >= rough * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(
            labels(&Axis::fit(0.02, 0.68, 4, Format::Number, true)),
            ["0.0", "0.2", "0.4", "0.6", "0.8"]
        );
        assert_eq!(
            labels(&Axis::fit(0.9, 1.0, 4, Format::Percent, true)),
            ["90 %", "95 %", "100 %"]
        );
        assert_eq!(
            labels(&Axis::fit(0.0, 3.0, 8, Format::Count, false)),
            ["0", "1", "2", "3"]
        );
        assert_eq!(
            labels(&Axis::fit(0.0, 2500.0, 3, Format::Count, false)),
            ["0", "1,000", "2,000"]
        );
    }

    #[test]
    fn strange_ranges_still_give_an_axis() {
        for (lo, hi) in [
            (1.0, 1.0),
            (0.0, 0.0),
            (f64::NAN, 1.0),
            (f64::NEG_INFINITY, 0.0),
            (2.0, -2.0),
            (1.0, 1.0),
        ] {
            for format in [Format::Number, Format::Count, Format::Percent] {
                let axis = Axis::fit(lo, hi, 5, format, true);
                assert!(axis.ticks().len() < 30, "{lo} {hi} {format:?}");
                assert!(axis.place(0.5).is_finite());
            }
        }
    }
}
