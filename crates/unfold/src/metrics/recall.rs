//! How often what is looked for stands among the first.

use serde::{Deserialize, Serialize};

/// Recall at 1, 5 and 10, and the median rank, as image-sentence retrieval is measured (Hodosh et al. 2013).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recall {
    /// The share of queries of which the first that was found is right.
    pub r1: f64,
    /// The share of queries that have something right among the first 5.
    pub r5: f64,
    /// The share of queries that have something right among the first 10.
    pub r10: f64,
    /// The rank, from 1, of the first that is right, its median over queries: of an even number the mean of both, rounded down.
    pub median_rank: usize,
}

impl Recall {
    /// From the rank of the first that is right for each query, counted from 0.
    ///
    /// ```
    /// use unfold::metrics::Recall;
    ///
    /// let recall = Recall::of(&[0, 3, 7, 20]);
    /// assert_eq!((recall.r1, recall.r5, recall.r10), (0.25, 0.5, 0.75));
    /// assert_eq!(recall.median_rank, 6);
    /// ```
    ///
    /// # Panics
    /// When there is no query.
    pub fn of(ranks: &[usize]) -> Recall {
        assert!(!ranks.is_empty(), "recall of no query");
        let among = |first: usize| {
            let found = ranks.iter().filter(|rank| **rank < first).count();
            found as f64 / ranks.len() as f64
        };
        let mut sorted = ranks.to_vec();
        sorted.sort_unstable();
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            0 => (sorted[middle - 1] + sorted[middle]) / 2,
            _ => sorted[middle],
        };
        Recall {
            r1: among(1),
            r5: among(5),
            r10: among(10),
            median_rank: median + 1,
        }
    }
}
