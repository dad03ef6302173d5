//! The extent of a tensor along each of its axes.

use std::fmt;

/// Most axes a tensor can have.
pub const MAX_RANK: usize = 6;

/// The extents of a tensor, outermost axis first. Small and `Copy`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    dims: [usize; MAX_RANK],
    rank: u8,
}

impl Shape {
    /// A shape from its extents.
    ///
    /// # Panics
    /// With more than [`MAX_RANK`] axes.
    pub fn new(dims: &[usize]) -> Shape {
        assert!(
            dims.len() <= MAX_RANK,
            "shape: expected at most {MAX_RANK} axes, got {dims:?}"
        );
        let mut shape = Shape {
            dims: [1; MAX_RANK],
            rank: dims.len() as u8,
        };
        shape.dims[..dims.len()].copy_from_slice(dims);
        shape
    }

    /// The extents, outermost first.
    pub fn dims(&self) -> &[usize] {
        &self.dims[..self.rank as usize]
    }

    /// How many axes there are; a scalar has none.
    pub fn rank(&self) -> usize {
        self.rank as usize
    }

    /// How many elements there are; 1 for a scalar.
    pub fn len(&self) -> usize {
        self.dims().iter().product()
    }

    /// Whether there is no element at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The extent of the last axis; 1 for a scalar.
    pub fn last(&self) -> usize {
        self.dims().last().copied().unwrap_or(1)
    }

    /// The shape with its last extent replaced.
    pub fn with_last(mut self, extent: usize) -> Shape {
        if self.rank > 0 {
            self.dims[self.rank as usize - 1] = extent;
        }
        self
    }

    /// Cuts the shape at `axis` into (product before, extent, product after).
    pub fn split_at(&self, axis: usize) -> (usize, usize, usize) {
        let dims = self.dims();
        (
            dims[..axis].iter().product(),
            dims[axis],
            dims[axis + 1..].iter().product(),
        )
    }

    /// The common shape of two operands under NumPy's rules: aligned at the last axis, an
    /// extent of 1 (or a missing axis) stretches. `None` where they do not fit.
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        let rank = self.rank().max(other.rank());
        let mut dims = [1; MAX_RANK];
        for (axis, dim) in dims[..rank].iter_mut().enumerate() {
            let (a, b) = (self.aligned(axis, rank), other.aligned(axis, rank));
            *dim = match (a, b) {
                (a, b) if a == b => a,
                (1, b) => b,
                (a, 1) => a,
                _ => return None,
            };
        }
        Some(Shape::new(&dims[..rank]))
    }

    /// The extent at `axis` when the shape is aligned at the right of `rank` axes.
    pub(crate) fn aligned(&self, axis: usize, rank: usize) -> usize {
        let missing = rank - self.rank();
        if axis < missing {
            1
        } else {
            self.dims[axis - missing]
        }
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Shape {
        Shape::new(&dims)
    }
}

impl From<&[usize]> for Shape {
    fn from(dims: &[usize]) -> Shape {
        Shape::new(dims)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.dims())
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasts_as_numpy_does() {
        let b = |a: &[usize], b: &[usize]| Shape::new(a).broadcast(&Shape::new(b));
        assert_eq!(b(&[5, 3], &[3]), Some(Shape::new(&[5, 3])));
        assert_eq!(b(&[5, 1], &[1, 7]), Some(Shape::new(&[5, 7])));
        assert_eq!(b(&[], &[2, 2]), Some(Shape::new(&[2, 2])));
        assert_eq!(b(&[5, 3], &[5]), None);
    }

    #[test]
    fn a_scalar_has_one_element() {
        assert_eq!(Shape::new(&[]).len(), 1);
        assert_eq!(Shape::new(&[3, 0]).len(), 0);
        assert_eq!(Shape::new(&[3, 4]).to_string(), "[3, 4]");
    }
}
