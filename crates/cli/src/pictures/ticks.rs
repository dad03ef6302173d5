//! Axes with round numbers on them.

use crate::wording::count;

/// The range of an axis and the values written beside it.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    lo: f64,
    hi: f64,
    /// Whether equal distances on it are equal factors; `lo` and `hi` are above 0 then.
    logarithmic: bool,
    ticks: Vec<(f64, String)>,
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
    /// Powers of ten on a logarithmic axis.
    Power,
}

impl Axis {
    /// An axis from `lo` to `hi`, widened to ticks where `rounded`, with about `wanted` ticks.
    pub(super) fn fit(lo: f64, hi: f64, wanted: usize, format: Format, rounded: bool) -> Self {
        if format == Format::Power {
            return Self::powers(lo, hi, wanted);
        }
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
        let first = (lo / step - 1e-6).ceil() as i64;
        let last = (hi / step + 1e-6).floor() as i64;
        let values = (first..=last).map(|i| i as f64 * step);
        Self {
            lo,
            hi,
            logarithmic: false,
            ticks: values
                .map(|value| (value, label(value, step, format)))
                .collect(),
        }
    }

    /// A logarithmic axis between the powers of ten around `lo` and `hi`, with no more than about `wanted` ticks.
    fn powers(lo: f64, hi: f64, wanted: usize) -> Self {
        let usable = lo.is_finite() && hi.is_finite() && lo > 0.0 && hi >= lo;
        let (lo, hi) = if usable { (lo, hi) } else { (0.1, 1.0) };
        let first = (lo.log10() + 1e-9).floor() as i32;
        let last = ((hi.log10() - 1e-9).ceil() as i32).max(first + 1);
        let stride = ((last - first) as usize).div_ceil(wanted.max(1));
        let powers = (first..=last).rev().step_by(stride);
        Self {
            lo: 10f64.powi(first),
            hi: 10f64.powi(last),
            logarithmic: true,
            ticks: powers.map(|i| (10f64.powi(i), power(i))).collect(),
        }
    }

    /// A logarithmic axis over these rising values above 0, each of them a tick where there is room.
    pub(super) fn of_values(values: &[f64]) -> Self {
        let (first, last) = match values {
            [first, .., last] => (*first, *last),
            [only] => (only / 2.0, only * 2.0),
            [] => (0.1, 1.0),
        };
        let room = (last / first).powf(0.04);
        let mut axis = Self {
            lo: first / room,
            hi: last * room,
            logarithmic: true,
            ticks: Vec::new(),
        };
        for &value in values {
            let near = |(other, _): &(f64, String)| axis.place(value) - axis.place(*other) < 0.08;
            if !axis.ticks.last().is_some_and(near) {
                axis.ticks.push((value, count(value.round() as u64)));
            }
        }
        axis
    }

    /// Where `value` lies: 0 at the low end, 1 at the high end, never outside.
    pub(super) fn place(&self, value: f64) -> f32 {
        let place = if self.logarithmic {
            (value / self.lo).ln() / (self.hi / self.lo).ln()
        } else {
            (value - self.lo) / (self.hi - self.lo)
        };
        place.clamp(0.0, 1.0) as f32
    }

    /// Each tick and its label.
    pub(super) fn ticks(&self) -> &[(f64, String)] {
        &self.ticks
    }
}

fn label(value: f64, step: f64, format: Format) -> String {
    let decimals = |step: f64| (-(step + step * 1e-9).log10().floor()).clamp(0.0, 9.0) as usize;
    match format {
        Format::Count => count(value.round() as u64),
        Format::Percent => format!("{:.*} %", decimals(step * 100.0), value * 100.0),
        Format::Number | Format::Power => format!("{value:.*}", decimals(step)),
    }
}

/// `1e-3` for -3: the bundled font has no raised minus.
fn power(power: i32) -> String {
    match power {
        -1 => "0.1".to_owned(),
        0 => "1".to_owned(),
        1 => "10".to_owned(),
        power => format!("1e{power}"),
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
        axis.ticks()
            .iter()
            .map(|(_, label)| label.clone())
            .collect()
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
    fn equal_factors_are_equally_far_apart() {
        let axis = Axis::fit(3e-7, 2.0, 4, Format::Power, true);
        assert_eq!(labels(&axis), ["10", "0.1", "1e-3", "1e-5", "1e-7"]);
        assert!((axis.place(1e-3) - 0.5).abs() < 1e-6);
        let axis = Axis::of_values(&[10.0, 11.0, 100.0, 1000.0]);
        assert_eq!(labels(&axis), ["10", "100", "1,000"]);
        assert!((axis.place(100.0) - 0.5).abs() < 1e-6);
        assert_eq!(labels(&Axis::of_values(&[7.0])), ["7"]);
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
            for format in [
                Format::Number,
                Format::Count,
                Format::Percent,
                Format::Power,
            ] {
                let axis = Axis::fit(lo, hi, 5, format, true);
                assert!(axis.ticks().len() < 30, "{lo} {hi} {format:?}");
                assert!(axis.place(0.5).is_finite());
            }
        }
    }
}
