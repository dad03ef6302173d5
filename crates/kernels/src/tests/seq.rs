//! Packed sequences.

use crate::testing::{Random, at_every_level, close, same_bits, written};
use crate::{Float, Ragged, naive, seq_max, seq_max_backward, seq_mean, seq_mean_backward};

fn all<E: Float>() {
    let mut random = Random::new(16);
    for (batch, most, c) in [(1, 1, 1), (2, 5, 7), (7, 9, 8), (13, 31, 17), (3, 4, 67)] {
        let seq = random.ragged(batch, most);
        let (n, b) = (seq.rows(), seq.batch());
        let mut x = random.vec::<E>(n * c + 1);
        // Equal values, so that the first one must be found.
        x.iter_mut()
            .for_each(|x| *x = E::from_f64((x.to_f64() * 4.0).round()));
        let (x, dy) = (&x[1..], &random.vec::<E>(b * c + 1)[1..]);
        let (mut at, mut at2) = (vec![0; b * c], vec![0; b * c]);
        assert!(
            written(b * c, |out| seq_max(x, c, &seq, out, &mut at))
                == written(b * c, |out| naive::seq_max(x, c, &seq, out, &mut at2))
        );
        assert_eq!(at, at2);
        let with = written(b * c, |out| seq_max(x, c, &seq, out, &mut at));
        assert!(written(b * c, |out| seq_max(x, c, &seq, out, &mut [])) == with);
        assert!(
            written(n * c, |dx| seq_max_backward(&at, dy, c, dx))
                == written(n * c, |dx| naive::seq_max_backward(&at, dy, c, dx))
        );
        close(
            &written(b * c, |out| seq_mean(x, c, &seq, out)),
            &written(b * c, |out| naive::seq_mean(x, c, &seq, out)),
            32.0,
            "seq_mean",
        );
        close(
            &written(n * c, |dx| seq_mean_backward(dy, c, &seq, dx)),
            &written(n * c, |dx| naive::seq_mean_backward(dy, c, &seq, dx)),
            1.0,
            "seq_mean_backward",
        );
    }
}

#[test]
fn agrees_with_the_plain_form() {
    at_every_level(|| {
        all::<f32>();
        all::<f64>();
    });
}

#[test]
fn same_bits_with_any_number_of_threads() {
    let mut random = Random::new(17);
    let (seq, c) = (random.ragged(61, 40), 67);
    let x = random.vec::<f32>(seq.rows() * c);
    same_bits("seq_max", || {
        let mut at = vec![0; seq.batch() * c];
        written(at.len(), |out| seq_max(&x, c, &seq, out, &mut at))
    });
    same_bits("seq_mean", || {
        written(seq.batch() * c, |out| seq_mean(&x, c, &seq, out))
    });
}

#[test]
fn rows_lie_time_by_time() {
    let seq = Ragged::new(&[3, 2, 2]);
    assert_eq!((seq.batch(), seq.steps(), seq.rows()), (3, 3, 7));
    assert_eq!([0, 1, 2, 3].map(|t| seq.offset(t)), [0, 3, 6, 7]);
    assert_eq!([0, 1, 2, 3].map(|t| seq.alive(t)), [3, 3, 1, 0]);
    assert_eq!(seq.last_rows(), [6, 4, 5]);
    assert_eq!(seq.row(1, 2), 5);
    let empty = Ragged::new(&[]);
    assert_eq!((empty.batch(), empty.steps(), empty.rows()), (0, 0, 0));
}

#[test]
#[should_panic(expected = "Ragged: expected descending lengths of at least 1, got [1, 2]")]
fn ascending_lengths_panic() {
    Ragged::new(&[1, 2]);
}
