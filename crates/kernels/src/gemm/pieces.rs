//! Matrices that lie in pieces, such as the pixels under the taps of a convolution.
//!
//! A tile's row is a pointer to the current piece (Dukhan 2019, "The Indirect Convolution Algorithm"), so no patch
//! is ever copied.

use crate::float::Float;

/// In the starts of pieces: a piece of zeros.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// A matrix that lies in pieces, the same for each of several pictures: row `i` of a picture is its pieces that begin
/// at `starts[i]`, `starts[rows + i]`, `starts[2 rows + i]`, .. side by side.
#[derive(Clone, Copy)]
pub(crate) struct Pieces<'a, E> {
    pub(crate) data: &'a [E],
    pub(crate) pictures: usize,
    /// Elements from a picture to the next.
    pub(crate) picture: usize,
    /// Rows of a picture.
    pub(crate) rows: usize,
    /// Elements of a piece.
    pub(crate) len: usize,
    pub(crate) starts: &'a [u32],
}

impl<'a, E: Float> Pieces<'a, E> {
    /// Rows of `len` elements, each `stride` after the one before.
    pub(crate) fn rows(data: &'a [E], rows: usize, stride: usize, len: usize) -> Self {
        Pieces {
            data,
            pictures: rows,
            picture: stride,
            rows: 1,
            len,
            starts: &[0],
        }
    }

    /// Columns of the matrix, once every piece is seen to lie inside the data.
    pub(super) fn check(&self) -> usize {
        let pieces = self.starts.len().checked_div(self.rows).unwrap_or(0);
        assert_eq!(
            self.starts.len(),
            pieces * self.rows,
            "starts [pieces, rows]"
        );
        // One after the last start, which `NOWHERE` cannot be: a maximum over all of them takes a few instructions.
        let starts = self.starts.iter();
        let last = starts.fold(0, |last: u32, start| last.max(start.wrapping_add(1)));
        if let (Some(last), Some(before)) = (last.checked_sub(1), self.pictures.checked_sub(1)) {
            let before = before.checked_mul(self.picture);
            let end =
                before.and_then(|before| before.checked_add(last as usize)?.checked_add(self.len));
            let inside = end.is_some_and(|end| end <= self.data.len());
            assert!(inside, "a piece exceeds its data");
        }
        pieces * self.len
    }

    /// Where a piece of a row lies.
    ///
    /// # Safety
    /// The pieces were checked, and `zeros` holds a piece.
    #[inline(always)]
    pub(super) unsafe fn piece(
        &self,
        (picture, row): (usize, usize),
        piece: usize,
        zeros: &[E],
    ) -> *const E {
        match self.starts[piece * self.rows + row] {
            NOWHERE => zeros.as_ptr(),
            // SAFETY: inside the data, by the check, as every picture before the last.
            start => unsafe {
                self.data
                    .as_ptr()
                    .add(picture * self.picture + start as usize)
            },
        }
    }

    /// The row after one, perhaps of the next picture.
    #[inline(always)]
    pub(super) fn after(&self, (picture, row): (usize, usize)) -> (usize, usize) {
        if row + 1 == self.rows {
            (picture + 1, 0)
        } else {
            (picture, row + 1)
        }
    }
}

/// Where the rows of a product go: row `i` of a picture begins at `starts[i]`.
#[derive(Clone, Copy)]
pub(crate) struct Places<'a> {
    /// Elements from a picture to the next.
    pub(crate) picture: usize,
    pub(crate) starts: &'a [u32],
}
