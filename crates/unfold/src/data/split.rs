//! Stratified, seeded splits: every class is split in the same proportion, and which document
//! goes where depends on the seed and on the order of the documents alone.

use crate::random::Key;

/// Takes `fraction` of each class away; gives what stays and what was taken, each in order. Of a
/// class with two members or more, at least one stays and one is taken.
pub(super) fn take(labels: &[usize], fraction: f64, key: Key) -> (Vec<usize>, Vec<usize>) {
    let mut taken = vec![false; labels.len()];
    if fraction > 0.0 {
        for members in shuffled_classes(labels, key) {
            let count = (members.len() as f64 * fraction).round() as usize;
            let count = if members.len() < 2 {
                0
            } else {
                count.clamp(1, members.len() - 1)
            };
            members[..count]
                .iter()
                .for_each(|&member| taken[member] = true);
        }
    }
    (0..labels.len()).partition(|&index| !taken[index])
}

/// Deals each class out over `folds`; gives what is not in `fold` and what is, each in order.
pub(super) fn fold(
    labels: &[usize],
    folds: usize,
    fold: usize,
    key: Key,
) -> (Vec<usize>, Vec<usize>) {
    let mut of = vec![0; labels.len()];
    // Dealing goes on from class to class, so that folds differ by one member at most.
    for (dealt, member) in shuffled_classes(labels, key)
        .into_iter()
        .flatten()
        .enumerate()
    {
        of[member] = dealt % folds;
    }
    (0..labels.len()).partition(|&index| of[index] != fold)
}

fn shuffled_classes(labels: &[usize], key: Key) -> Vec<Vec<usize>> {
    let classes = labels.iter().max().map_or(0, |&last| last + 1);
    let mut members = vec![Vec::new(); classes];
    for (index, &label) in labels.iter().enumerate() {
        members[label].push(index);
    }
    let shuffle = |(class, members): (usize, Vec<usize>)| {
        let order = key.child(class as u64).permutation(members.len());
        order.into_iter().map(|place| members[place]).collect()
    };
    members.into_iter().enumerate().map(shuffle).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(indices: &[usize], labels: &[usize], label: usize) -> usize {
        indices
            .iter()
            .filter(|&&index| labels[index] == label)
            .count()
    }

    #[test]
    fn classes_keep_their_proportion() {
        let labels: Vec<usize> = (0..1000).map(|i| usize::from(i % 10 == 0)).collect();
        let (kept, taken) = take(&labels, 0.2, Key::new(1));
        assert_eq!(
            (count(&taken, &labels, 0), count(&taken, &labels, 1)),
            (180, 20)
        );
        assert_eq!(kept.len() + taken.len(), 1000);
        assert_eq!(take(&labels, 0.2, Key::new(1)).1, taken);
        assert_ne!(take(&labels, 0.2, Key::new(2)).1, taken);
    }

    #[test]
    fn small_classes_are_on_both_sides() {
        let (kept, taken) = take(&[0, 0, 1, 2, 2, 2], 0.1, Key::new(1));
        assert_eq!((kept.len(), taken.len()), (4, 2));
        assert!(take(&[0, 0, 1], 0.0, Key::new(1)).1.is_empty());
    }

    #[test]
    fn folds_are_disjoint_and_cover_everything() {
        let labels: Vec<usize> = (0..107).map(|i| i % 3).collect();
        let mut all = Vec::new();
        for k in 0..10 {
            let (train, test) = fold(&labels, 10, k, Key::new(5));
            assert_eq!(train.len() + test.len(), 107);
            assert!((10..=11).contains(&test.len()));
            assert!((3..=4).contains(&count(&test, &labels, 1)));
            all.extend(test);
        }
        all.sort_unstable();
        assert_eq!(all, (0..107).collect::<Vec<_>>());
    }
}
