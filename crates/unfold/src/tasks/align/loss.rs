//! The loss by which pairs come before others: max-margin ranking both ways.

use super::config::Negatives;
use crate::ragged::Ragged;
use crate::tensor::Tensor;

/// The mean over k of Σ_l max(0, S_kl - S_kk + margin) + Σ_l max(0, S_lk - S_kk + margin), with l ≠ k (Karpathy and Fei-Fei
/// 2015, equation 9), for scores `[B, B]` of sentences with pictures of which those of one number belong together. With the
/// hardest alone, the sums are maxima (Faghri et al. 2018).
pub(super) fn ranking_loss(scores: &Tensor, margin: f64, negatives: Negatives) -> Tensor {
    let b = scores.dim(0);
    let same = |on: f32, off: f32| {
        let cells = (0..b * b).map(|i| if i / b == i % b { on } else { off });
        Tensor::from_vec(cells.collect(), [b, b])
    };
    let own = scores.mul(&same(1.0, 0.0)).sum_axis(1); // [B]
    let others = same(0.0, 1.0);
    let short = |own: Tensor| {
        let hinge = scores.sub(&own).affine(1.0, margin).relu();
        hinge.mul(&others)
    };
    // Other pictures of a sentence stand in its row, other sentences of a picture in its column.
    let (pictures, sentences) = (short(own.reshape([b, 1])), short(own.reshape([1, b])));
    let sum = match negatives {
        Negatives::All => pictures.add(&sentences).sum(),
        Negatives::Hardest => {
            let highest = |x: &Tensor| x.seq_max(&Ragged::new(&[b])).sum();
            highest(&pictures.transpose()).add(&highest(&sentences))
        }
    };
    sum.affine(1.0 / b as f64, 0.0)
}

/// The share of pairs of which the sentence fits no other picture as well, and of those of which the picture fits no other
/// sentence as well, on average.
pub(super) fn told_apart(scores: &Tensor) -> f64 {
    let (b, s) = (scores.dim(0), scores.data());
    let row = |k: usize| (0..b).all(|l| l == k || s[k * b + l] < s[k * b + k]);
    let column = |k: usize| (0..b).all(|l| l == k || s[l * b + k] < s[k * b + k]);
    let right = |test: &dyn Fn(usize) -> bool| (0..b).filter(|&k| test(k)).count();
    (right(&row) + right(&column)) as f64 / (2 * b.max(1)) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Tensor {
        let scores = vec![2.0, 1.5, -1.0, 0.0, 1.0, 3.0, 0.5, 0.0, 2.5];
        Tensor::from_vec(scores, [3, 3])
    }

    /// Written out by hand: rows lack 0.5, 3.0 and 0; columns 0, (1.5 - 1 + 1) and (3 - 2.5 + 1).
    #[test]
    fn all_that_come_too_near_count() {
        let loss = ranking_loss(&example(), 1.0, Negatives::All).item();
        assert!(
            (loss - (0.5 + 3.0 + 1.5 + 1.5) / 3.0).abs() < 1e-6,
            "{loss}"
        );
        let harder = Tensor::from_vec(vec![1.0, 1.0, 1.0, 1.0], [2, 2]);
        assert_eq!(ranking_loss(&harder, 0.5, Negatives::All).item(), 1.0);
    }

    #[test]
    fn the_hardest_alone_may_count() {
        let scores = Tensor::from_vec(vec![1.0, 0.5, 0.8, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], [3, 3]);
        let all = ranking_loss(&scores, 1.0, Negatives::All).item();
        let hardest = ranking_loss(&scores, 1.0, Negatives::Hardest).item();
        assert!((all - (1.3 + 1.3) / 3.0).abs() < 1e-6, "{all}");
        assert!(
            (hardest - (0.8 + 0.5 + 0.8) / 3.0).abs() < 1e-6,
            "{hardest}"
        );
    }

    #[test]
    fn pairs_are_told_apart_both_ways() {
        // Rows 0 and 2 are right, row 1 is not; column 0 alone is.
        assert!((told_apart(&example()) - 3.0 / 6.0).abs() < 1e-12);
    }
}
