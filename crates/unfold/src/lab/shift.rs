//! How far a representation moves when a picture moves, with and without pooling.

use super::filter::{Filter, Map};
use crate::ops::{Conv2d, Pool2d};
use crate::{Error, Result, Tensor};

/// What stands between the filters and the representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// Nothing: every pixel of every filter's output counts.
    None,
    /// The largest value of each window of so many pixels a side.
    Max(usize),
    /// The mean of each window of so many pixels a side.
    Mean(usize),
    /// The largest value of each filter anywhere.
    Global,
}

impl Pooling {
    /// The kinds that are compared.
    pub const ALL: [Pooling; 6] = [
        Pooling::None,
        Pooling::Max(2),
        Pooling::Max(4),
        Pooling::Max(8),
        Pooling::Mean(4),
        Pooling::Global,
    ];

    /// What to call it.
    pub fn title(self) -> String {
        match self {
            Pooling::None => "no pooling".into(),
            Pooling::Max(side) => format!("{side} × {side}"),
            Pooling::Mean(side) => format!("mean {side} × {side}"),
            Pooling::Global => "anywhere".into(),
        }
    }

    /// `[1, H, W, C]` to what it makes of it.
    fn of(self, x: &Tensor) -> Tensor {
        match self {
            Pooling::None => x.clone(),
            Pooling::Max(side) => x.max_pool2d(Pool2d::new([side, side])),
            Pooling::Mean(side) => x.avg_pool2d(Pool2d::new([side, side])),
            Pooling::Global => x.max_pool2d(Pool2d::new([x.dim(1), x.dim(2)])),
        }
    }
}

/// How far the representation of a picture moves.
#[derive(Clone, Debug, PartialEq)]
pub struct Shifts {
    /// For each kind of pooling, in the order of [`Pooling::ALL`], and each shift by 0, 1, 2, .. pixels to the right:
    /// ‖f(shifted) - f(picture)‖ / ‖f(picture)‖.
    pub moved: Vec<Vec<f64>>,
    /// The picture as it lies at the start and at the end.
    pub ends: [Map; 2],
}

/// Paper on every side: as much as a filter and the largest window reach over the picture's edge.
const MARGIN: usize = 9;

/// Moves a picture of brightness 0..=1 by up to `most` pixels to the right, on paper as bright as its border, and looks at
/// what four filters for edges, rectified and pooled, make of it. They pass over nothing but picture and paper: zeros around
/// them would be an edge, which does not move.
///
/// # Errors
/// When the picture is smaller than 8 x 8 pixels.
pub fn shifts(picture: &Map, most: usize) -> Result<Shifts> {
    let Map { height, width, .. } = *picture;
    if height < 8 || width < 8 {
        return Err(Error::data(
            "the picture",
            format!("has {width} x {height} pixels"),
            "choose one of at least 8 x 8",
        ));
    }
    let filters = [Filter::EdgesAcross, Filter::EdgesDown].map(Filter::weights);
    let both = filters.iter().flat_map(|w| [w.map(|w| w), w.map(|w| -w)]);
    let bank: Vec<[f32; 9]> = both.collect();
    let weights = (0..9).flat_map(|tap| bank.iter().map(move |w| w[tap]));
    let weights = Tensor::from_vec(weights.collect(), [3, 3, 1, 4]);
    let features = |map: &Map| {
        let x = Tensor::from_slice(&map.values, [1, map.height, map.width, 1]);
        x.conv2d(&weights, None, Conv2d::new([3, 3])).relu() // [1, H - 2, W - 2, 4]
    };
    let paper = paper(picture);
    let at = |shift: usize| on_paper(picture, paper, most, shift);
    let first = features(&at(0));
    let mut moved = vec![Vec::new(); Pooling::ALL.len()];
    for shift in 0..=most {
        let now = features(&at(shift));
        for (kind, moved) in Pooling::ALL.iter().zip(&mut moved) {
            let (from, to) = (kind.of(&first), kind.of(&now));
            let norm = |x: &Tensor| f64::from(x.square().sum().item()).sqrt();
            moved.push(norm(&to.sub(&from)) / norm(&from).max(1e-12));
        }
    }
    Ok(Shifts {
        moved,
        ends: [at(0), at(most)],
    })
}

/// The median brightness of the border.
fn paper(picture: &Map) -> f32 {
    let Map { height, width, .. } = *picture;
    let border = |i: &usize| {
        let (y, x) = (i / width, i % width);
        y == 0 || x == 0 || y == height - 1 || x == width - 1
    };
    let mut border: Vec<f32> = (0..height * width)
        .filter(border)
        .map(|i| picture.values[i])
        .collect();
    border.sort_by(f32::total_cmp);
    border[border.len() / 2]
}

/// The picture on paper with a margin, and `most` pixels wider; `shift` pixels from the left margin.
fn on_paper(picture: &Map, paper: f32, most: usize, shift: usize) -> Map {
    let Map { height, width, .. } = *picture;
    let (high, wide) = (height + 2 * MARGIN, width + 2 * MARGIN + most);
    let mut values = vec![paper; high * wide];
    let rows = picture.values.chunks_exact(width);
    for (to, row) in values.chunks_exact_mut(wide).skip(MARGIN).zip(rows) {
        to[MARGIN + shift..][..width].copy_from_slice(row);
    }
    Map {
        height: high,
        width: wide,
        values,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pooling_keeps_a_representation_in_place() {
        // A bright square on dark paper.
        let inside = |i: usize| (8..16).contains(&(i / 24)) && (8..16).contains(&(i % 24));
        let picture = Map {
            height: 24,
            width: 24,
            values: (0..24 * 24)
                .map(|i| f32::from(u8::from(inside(i))))
                .collect(),
        };
        let Shifts { moved, ends } = shifts(&picture, 8).unwrap();
        assert_eq!([ends[1].height, ends[1].width], [24 + 18, 32 + 18]);
        assert!(
            moved
                .iter()
                .all(|moved| moved[0] == 0.0 && moved.len() == 9)
        );
        let [none, two, four, .., global] = &moved[..] else {
            panic!("six kinds")
        };
        // How a window's edge lies matters to single shifts.
        let [none, two, four] = [none, two, four].map(|moved| moved[1..4].iter().sum::<f64>());
        assert!(none > 1.2 * two && two > 1.2 * four, "{none} {two} {four}");
        assert!(global.iter().all(|moved| *moved < 1e-6), "{global:?}");
    }

    #[test]
    fn bright_paper_has_no_edge_of_its_own() {
        let dark = Map {
            height: 16,
            width: 16,
            values: (0..256).map(|i| (i * i % 7) as f32 / 6.0).collect(),
        };
        let framed = |i: usize| [i / 16, i % 16].iter().any(|&at| at == 0 || at == 15);
        let values = dark.values.iter().enumerate();
        let dark = Map {
            values: values
                .map(|(i, v)| if framed(i) { 0.0 } else { *v })
                .collect(),
            ..dark
        };
        let bright = Map {
            values: dark.values.iter().map(|v| 1.0 - v).collect(),
            ..dark.clone()
        };
        let [dark, bright] = [dark, bright].map(|picture| shifts(&picture, 5).unwrap().moved);
        for (dark, bright) in dark.concat().iter().zip(bright.concat()) {
            assert!((dark - bright).abs() < 1e-5, "{dark} {bright}");
        }
    }
}
