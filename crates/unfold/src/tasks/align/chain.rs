//! Which region each word of a sentence is about, so that words beside each other tend to be about the same one.

/// The regions a_1, a_2, … with the largest Σ_t s\[t\]\[a_t\] + β Σ_t \[a_t = a_(t+1)\]: a chain model, solved by dynamic
/// programming (Karpathy and Fei-Fei 2015, section 3.1.3). `scores` are those of each word with each region. With β = 0
/// every word takes its best region; a large β gives one region to the whole sentence. Of equals the first is taken.
///
/// # Panics
/// When words have scores for different numbers of regions, or for none.
pub(super) fn smoothed(scores: &[Vec<f32>], beta: f64) -> Vec<usize> {
    let Some(first) = scores.first() else {
        return Vec::new();
    };
    let regions = first.len();
    assert!(
        regions > 0 && scores.iter().all(|word| word.len() == regions),
        "smoothed: words of different numbers of regions"
    );
    let highest = |values: &[f64]| {
        let better = |best: usize, i: usize| if values[i] > values[best] { i } else { best };
        (0..regions).fold(0, better)
    };
    // The best sum that ends in each region, and the region before it on the way there.
    let mut sums: Vec<f64> = first.iter().map(|&s| f64::from(s)).collect();
    let mut before: Vec<Vec<usize>> = Vec::new();
    for word in &scores[1..] {
        let best = highest(&sums);
        let stays = |region: usize| sums[region] + beta >= sums[best];
        let from: Vec<usize> = (0..regions)
            .map(|region| if stays(region) { region } else { best })
            .collect();
        sums = (0..regions)
            .map(|region| {
                let kept = if from[region] == region { beta } else { 0.0 };
                f64::from(word[region]) + sums[from[region]] + kept
            })
            .collect();
        before.push(from);
    }
    let mut chain = vec![highest(&sums)];
    for from in before.iter().rev() {
        let last = chain[chain.len() - 1];
        chain.push(from[last]);
    }
    chain.reverse();
    chain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Key;

    fn value(scores: &[Vec<f32>], chain: &[usize], beta: f64) -> f64 {
        let own = scores
            .iter()
            .zip(chain)
            .map(|(word, &a)| f64::from(word[a]));
        let kept = chain.windows(2).filter(|pair| pair[0] == pair[1]).count();
        own.sum::<f64>() + beta * kept as f64
    }

    /// No chain is better than the one found: all of them are tried.
    #[test]
    fn the_best_of_all_chains_is_found() {
        let (words, regions) = (5usize, 4usize);
        for seed in 0..40 {
            let key = Key::new(seed);
            let score = |t: usize, r: usize| key.normal((t * regions + r) as u64) as f32;
            let scores: Vec<Vec<f32>> = (0..words)
                .map(|t| (0..regions).map(|r| score(t, r)).collect())
                .collect();
            for beta in [0.0, 0.3, 1.0, 5.0] {
                let all = (0..regions.pow(words as u32)).map(|number| {
                    let digit = |t: usize| number / regions.pow(t as u32) % regions;
                    let chain: Vec<usize> = (0..words).map(digit).collect();
                    value(&scores, &chain, beta)
                });
                let best = all.fold(f64::NEG_INFINITY, f64::max);
                let found = value(&scores, &smoothed(&scores, beta), beta);
                assert!((found - best).abs() < 1e-6, "seed {seed}, beta {beta}");
            }
        }
    }

    #[test]
    fn beta_joins_words() {
        let scores = vec![vec![1.0, 0.0], vec![0.4, 0.5], vec![1.0, 0.0]];
        assert_eq!(smoothed(&scores, 0.0), [0, 1, 0]);
        assert_eq!(smoothed(&scores, 0.2), [0, 0, 0]);
        assert_eq!(smoothed(&[], 1.0), [0usize; 0]);
    }
}
