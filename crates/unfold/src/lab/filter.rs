//! One filter passed over one picture, and pooling after it.

use crate::ops::{Conv2d, Pool2d};
use crate::{Error, Result, Tensor};

/// A filter of fixed weights with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// The mean of 3 x 3 pixels.
    Blur,
    /// A mean that counts near pixels more (a binomial).
    Gaussian,
    /// The picture with its details doubled.
    Sharpen,
    /// How a pixel differs from its neighbours (Laplace).
    Outline,
    /// Changes from left to right (Sobel).
    EdgesAcross,
    /// Changes from top to bottom (Sobel).
    EdgesDown,
    /// Changes along a diagonal.
    Emboss,
}

impl Filter {
    /// All of them.
    pub const ALL: [Filter; 7] = [
        Filter::Blur,
        Filter::Gaussian,
        Filter::Sharpen,
        Filter::Outline,
        Filter::EdgesAcross,
        Filter::EdgesDown,
        Filter::Emboss,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Filter::Blur => "blur",
            Filter::Gaussian => "gaussian",
            Filter::Sharpen => "sharpen",
            Filter::Outline => "outline",
            Filter::EdgesAcross => "edges-across",
            Filter::EdgesDown => "edges-down",
            Filter::Emboss => "emboss",
        }
    }

    /// What it finds, as a sentence.
    pub fn about(self) -> &'static str {
        match self {
            Filter::Blur => "Each pixel becomes the mean of its neighbourhood: details vanish.",
            Filter::Gaussian => "A mean that counts near pixels more: details fade softly.",
            Filter::Sharpen => "What differs from the neighbourhood is made to differ more.",
            Filter::Outline => {
                "High where a pixel is brighter than its neighbours, low where it is darker."
            }
            Filter::EdgesAcross => {
                "High where the picture grows brighter from left to right, low where darker."
            }
            Filter::EdgesDown => {
                "High where the picture grows brighter from top to bottom, low where darker."
            }
            Filter::Emboss => {
                "High where the picture grows brighter towards the lower right, low where darker."
            }
        }
    }

    /// The weights, row by row: `[3, 3]`.
    pub fn weights(self) -> [f32; 9] {
        match self {
            Filter::Blur => [1.0 / 9.0; 9],
            Filter::Gaussian => [1.0, 2.0, 1.0, 2.0, 4.0, 2.0, 1.0, 2.0, 1.0].map(|w| w / 16.0),
            Filter::Sharpen => [0.0, -1.0, 0.0, -1.0, 5.0, -1.0, 0.0, -1.0, 0.0],
            Filter::Outline => [-1.0, -1.0, -1.0, -1.0, 8.0, -1.0, -1.0, -1.0, -1.0],
            Filter::EdgesAcross => [-1.0, 0.0, 1.0, -2.0, 0.0, 2.0, -1.0, 0.0, 1.0],
            Filter::EdgesDown => [-1.0, -2.0, -1.0, 0.0, 0.0, 0.0, 1.0, 2.0, 1.0],
            Filter::Emboss => [-2.0, -1.0, 0.0, -1.0, 0.0, 1.0, 0.0, 1.0, 2.0],
        }
    }
}

/// Numbers that lie as pixels do.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// The values, row by row.
    pub values: Vec<f32>,
}

impl Map {
    /// From `[1, H, W, 1]`.
    fn of(x: &Tensor) -> Map {
        Map {
            height: x.dim(1),
            width: x.dim(2),
            values: x.to_vec(),
        }
    }

    /// The place `[row, column]` of the largest value, or with -1 as `sign` of the smallest; the first of equals.
    pub fn peak(&self, sign: f32) -> [usize; 2] {
        let mut best = 0;
        for (i, value) in self.values.iter().enumerate() {
            if value * sign > self.values[best] * sign {
                best = i;
            }
        }
        [best / self.width, best % self.width]
    }
}

/// What a convolution and pooling make of a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Filtered {
    /// The filter's weights, row by row, `[K, K]`.
    pub weights: Vec<f32>,
    /// Rows and columns of the filter.
    pub kernel: usize,
    /// Brightness, 0..=1.
    pub picture: Map,
    /// y_ij = Σ_kl x_(i + k, j + l) w_kl where the whole filter lies in the picture.
    pub output: Map,
    /// max(y, 0).
    pub rectified: Map,
    /// The largest value of each 2 x 2 window, then of each 2 x 2 of those, as long as there is one.
    pub pooled: Vec<Map>,
}

/// Passes a filter of `[K, K]` weights over a picture of brightness 0..=1, then rectifies and pools `times` times.
///
/// # Errors
/// When the picture is smaller than the filter.
pub fn convolve(picture: Map, weights: &[f32], times: usize) -> Result<Filtered> {
    let kernel = weights.len().isqrt();
    let Map { height, width, .. } = picture;
    if height < kernel || width < kernel {
        return Err(Error::data(
            "the picture",
            format!("has {width} x {height} pixels, the filter {kernel} x {kernel}"),
            "choose a larger picture",
        ));
    }
    let x = Tensor::from_vec(picture.values.clone(), [1, height, width, 1]);
    let w = Tensor::from_slice(weights, [kernel, kernel, 1, 1]);
    let y = x.conv2d(&w, None, Conv2d::new([kernel, kernel])); // [1, H', W', 1]
    let rectified = Map::of(&y.relu());
    Ok(Filtered {
        weights: weights.to_vec(),
        kernel,
        output: Map::of(&y),
        pooled: pooled(&rectified, times),
        rectified,
        picture,
    })
}

/// The largest value of each 2 x 2 window, then of each 2 x 2 of those, `times` times or as long as there is one.
pub fn pooled(map: &Map, times: usize) -> Vec<Map> {
    let Map { height, width, .. } = *map;
    let mut last = Tensor::from_slice(&map.values, [1, height, width, 1]);
    let mut pooled = Vec::new();
    while pooled.len() < times && last.dim(1) > 1 && last.dim(2) > 1 {
        last = last.max_pool2d(Pool2d::new([2, 2]));
        pooled.push(Map::of(&last));
    }
    pooled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_found_where_it_is() {
        // Dark on the left, bright from column 4 on.
        let values = (0..6 * 8).map(|i| if i % 8 < 4 { 0.0 } else { 1.0 });
        let picture = Map {
            height: 6,
            width: 8,
            values: values.collect(),
        };
        let across = convolve(picture.clone(), &Filter::EdgesAcross.weights(), 2).unwrap();
        assert_eq!([across.output.height, across.output.width], [4, 6]);
        let row = &across.output.values[..6];
        assert_eq!(row, [0.0, 0.0, 4.0, 4.0, 0.0, 0.0]);
        assert_eq!(across.output.peak(1.0), [0, 2]);
        assert_eq!(across.pooled[0].values, [0.0, 4.0, 0.0, 0.0, 4.0, 0.0]);
        assert_eq!(across.pooled[1].values, [4.0]);
        let down = convolve(picture.clone(), &Filter::EdgesDown.weights(), 0).unwrap();
        assert!(down.output.values.iter().all(|y| *y == 0.0) && down.pooled.is_empty());
        let blur = convolve(picture, &Filter::Blur.weights(), 0).unwrap();
        assert!(
            (blur.output.values[1] - 0.0).abs() < 1e-6
                && (blur.output.values[2] - 1.0 / 3.0).abs() < 1e-6
        );
    }

    #[test]
    fn a_picture_smaller_than_the_filter_is_refused() {
        let tiny = Map {
            height: 2,
            width: 9,
            values: vec![0.0; 18],
        };
        let said = convolve(tiny, &Filter::Blur.weights(), 1).unwrap_err();
        assert!(said.to_string().contains("9 x 2 pixels"), "{said}");
    }
}
