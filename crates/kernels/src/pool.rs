//! Pooling over windows of pictures, channels last.
//!
//! Each axis has a list of windows, which may lie anywhere as long as they ascend: sliding and adaptive
//! pooling are the same loops. Forward makes rows of the output; backward makes rows of the input, each
//! looking for the windows that see it, so that any number of tasks can share a picture.

use std::ops::Range;

use crate::float::Float;
use crate::simd::{Kernel, Vector, places};
use crate::threads::{parallel_rows, parallel_rows2, rows_per_task};

/// The geometry of sliding pooling over `[B, H, W, C]`; each pair is for height and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool2d {
    /// Extents of the window.
    pub kernel: [usize; 2],
    /// Elements from one window to the next.
    pub stride: [usize; 2],
    /// Elements that windows may reach over the edge, before and after; at most half the kernel. They never
    /// win a maximum.
    pub padding: [[usize; 2]; 2],
    /// Also a last window that reaches over the end, if it starts before it.
    pub ceil_mode: bool,
    /// Whether a mean also divides by the window's elements in the padding.
    pub count_include_pad: bool,
}

impl Pool2d {
    /// Windows side by side, with no padding.
    pub fn new(kernel: [usize; 2]) -> Self {
        Pool2d {
            kernel,
            stride: kernel,
            padding: [[0; 2]; 2],
            ceil_mode: false,
            count_include_pad: true,
        }
    }

    /// Whether kernel and stride are at least 1 and the padding is at most half the kernel, so that every
    /// window sees an element.
    pub fn is_valid(&self) -> bool {
        (0..2).all(|axis| {
            let [before, after] = self.padding[axis];
            let half = self.kernel[axis] / 2;
            self.kernel[axis] > 0 && self.stride[axis] > 0 && before.max(after) <= half
        })
    }

    /// The windows over pictures of `[H, W]`; `None` if there are none, or the geometry is not valid.
    pub fn windows(&self, [h, w]: [usize; 2]) -> Option<[Windows; 2]> {
        match self.is_valid() {
            true => Some([self.axis(0, h)?, self.axis(1, w)?]),
            false => None,
        }
    }

    fn axis(&self, axis: usize, input: usize) -> Option<Windows> {
        let (kernel, stride) = (self.kernel[axis], self.stride[axis]);
        let [before, after] = self.padding[axis];
        let room = if self.ceil_mode {
            2 * stride - 1
        } else {
            stride
        };
        let mut outputs = (before + input + after + room).checked_sub(kernel)? / stride;
        while outputs > 0 && (outputs - 1) * stride >= input + before {
            outputs -= 1;
        }
        // Places count from the start of the padding.
        let window = |o: usize| {
            let (first, last) = (o * stride, o * stride + kernel);
            let (start, end) = (first.max(before), last.min(input + before));
            Window {
                start: start - before,
                end: end - before,
                share: match self.count_include_pad {
                    true => last.min(before + input + after) - first,
                    false => end - start,
                },
            }
        };
        let all = (0..outputs).map(window).collect();
        (input > 0 && outputs > 0).then_some(Windows { input, all })
    }
}

/// The windows along one axis of pictures: their starts and their ends ascend, and each sees an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    input: usize,
    all: Vec<Window>,
}

/// Elements `start .. end` of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// What a mean divides by.
    pub(crate) share: usize,
}

impl Windows {
    /// `outputs` windows that cover an axis as evenly as whole elements allow: the one of output `o` is
    /// `floor(o input / outputs) .. ceil((o + 1) input / outputs)`. `None` if either is 0.
    pub fn adaptive(input: usize, outputs: usize) -> Option<Self> {
        let window = |o: usize| {
            let (start, end) = (o * input / outputs, ((o + 1) * input).div_ceil(outputs));
            Window {
                start,
                end,
                share: end - start,
            }
        };
        (input > 0 && outputs > 0).then(|| Windows {
            input,
            all: (0..outputs).map(window).collect(),
        })
    }

    /// The extent of the axis.
    pub fn input(&self) -> usize {
        self.input
    }

    /// The number of windows.
    pub fn outputs(&self) -> usize {
        self.all.len()
    }

    /// Elements of the widest window.
    pub fn widest(&self) -> usize {
        self.all.iter().map(Window::len).max().unwrap_or(0)
    }

    pub(crate) fn all(&self) -> &[Window] {
        &self.all
    }

    /// The windows that see element `i`.
    fn seeing(&self, i: usize) -> Range<usize> {
        let first = self.all.partition_point(|window| window.end <= i);
        first..self.all.partition_point(|window| window.start <= i)
    }
}

impl Window {
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }
}

/// Most elements of a window whose maximum is looked for.
pub const LARGEST_WINDOW: usize = NONE as usize;
/// The place of a maximum that no element is: that of the ReLU.
pub(crate) const NONE: u16 = u16::MAX;

/// Where `KEEP` holds, it is told which elements the largest are.
struct Max<'a, E, const KEEP: bool> {
    x: &'a [E], // [H, W, C]
    c: usize,
    width: usize,
    rows: Window,
    columns: &'a [Window],
    relu: bool,
    y: &'a mut [E],        // [OW, C]
    places: &'a mut [u16], // [OW, C], or empty
}

impl<E: Float, const KEEP: bool> Kernel<E> for Max<'_, E, KEEP> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let c = self.c;
        for (o, (column, y)) in self
            .columns
            .iter()
            .zip(self.y.chunks_exact_mut(c))
            .enumerate()
        {
            for at in places::<V>(c) {
                // Places are counted in lanes of the same type: they are whole numbers below 2^16.
                let mut k = V::splat(E::ZERO);
                let (mut best, mut best_k) = if self.relu {
                    (k, V::splat(E::from_usize(NONE.into())))
                } else {
                    let first = (self.rows.start * self.width + column.start) * c;
                    (V::read(&self.x[first..][..c][at.clone()]), k)
                };
                for row in self.rows.start..self.rows.end {
                    let x = &self.x[(row * self.width + column.start) * c..][..column.len() * c];
                    for x in x.chunks_exact(c) {
                        let x = V::read(&x[at.clone()]);
                        if KEEP {
                            best_k = x.select_gt(best, k, best_k);
                            k = k.add(V::splat(E::ONE));
                        }
                        best = x.select_gt(best, x, best);
                    }
                }
                best.write(&mut y[at.clone()]);
                if KEEP {
                    let k = best_k.to_array();
                    for (place, k) in self.places[o * c..][at].iter_mut().zip(k) {
                        *place = k.to_u16();
                    }
                }
            }
        }
    }
}

/// The maximum of each channel in each window: `x [B, H, W, C]` to `y [B, OH, OW, C]`. `place [B, OH, OW, C]` gets
/// the number of the element in its window, row by row without the padding, the first one of equals. With `relu`, negative
/// elements count as 0, and where none is above it the place is no element's: there the gradient ends. An empty `place` gets
/// nothing, which is faster: an answer alone needs none.
///
/// # Panics
/// If the shapes do not fit, or a window has more than [`LARGEST_WINDOW`] elements.
pub fn max_pool2d<E: Float>(
    x: &[E],
    c: usize,
    windows: &[Windows; 2],
    relu: bool,
    y: &mut [E],
    place: &mut [u16],
) {
    let [rows, columns] = windows;
    check("max_pool2d", x.len(), y.len(), c, windows);
    assert!(
        [0, y.len()].contains(&place.len()) && rows.widest() * columns.widest() <= LARGEST_WINDOW,
        "max_pool2d: expected places as y, or none, and windows of at most {LARGEST_WINDOW} elements"
    );
    let (line, picture) = (columns.outputs() * c, rows.input * columns.input * c);
    let task = rows_per_task(line * rows.widest() * columns.widest());
    let (keep, kept) = (!place.is_empty(), if place.is_empty() { 0 } else { line });
    parallel_rows2(y, line, place, kept, task, |first, y, place| {
        for (i, y) in y.chunks_exact_mut(line).enumerate() {
            let (b, o) = ((first + i) / rows.outputs(), (first + i) % rows.outputs());
            macro_rules! run {
                ($keep:literal) => {
                    E::dispatch(Max::<E, $keep> {
                        x: &x[b * picture..][..picture],
                        c,
                        width: columns.input,
                        rows: rows.all[o],
                        columns: &columns.all,
                        relu,
                        y,
                        places: &mut place[i * kept..][..kept],
                    })
                };
            }
            match keep {
                true => run!(true),
                false => run!(false),
            }
        }
    });
}

struct MaxBackward<'a, E> {
    place: &'a [u16], // [OH, OW, C]
    dy: &'a [E],      // [OH, OW, C]
    c: usize,
    row: usize,
    windows: &'a [Windows; 2],
    dx: &'a mut [E], // [W, C]
}

impl<E: Float> Kernel<E> for MaxBackward<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let (c, [rows, columns]) = (self.c, self.windows);
        self.dx.fill(E::ZERO);
        for o in rows.seeing(self.row) {
            let line = o * columns.outputs() * c..(o + 1) * columns.outputs() * c;
            let places = self.place[line.clone()].chunks_exact(c);
            let outputs = places.zip(self.dy[line].chunks_exact(c));
            for (column, (place, dy)) in columns.all.iter().zip(outputs) {
                let first = (self.row - rows.all[o].start) * column.len();
                let dx = &mut self.dx[column.start * c..column.end * c];
                for (k, dx) in dx.chunks_exact_mut(c).enumerate() {
                    let own = (first + k) as u16;
                    for ((dx, &place), &dy) in dx.iter_mut().zip(place).zip(dy) {
                        *dx += if place == own { dy } else { E::ZERO };
                    }
                }
            }
        }
    }
}

/// The gradient of [`max_pool2d`]: each element of `dx [B, H, W, C]` gets the sum of `dy [B, OH, OW, C]` over the
/// windows whose maximum it is.
///
/// # Panics
/// If the shapes do not fit.
pub fn max_pool2d_backward<E: Float>(
    place: &[u16],
    dy: &[E],
    c: usize,
    windows: &[Windows; 2],
    dx: &mut [E],
) {
    check("max_pool2d_backward", dx.len(), dy.len(), c, windows);
    assert_eq!(
        place.len(),
        dy.len(),
        "max_pool2d_backward: places and dy have the same shape"
    );
    for_each_row(windows, c, dy.len(), dx, |picture, row, dx| {
        E::dispatch(MaxBackward {
            place: &place[picture.clone()],
            dy: &dy[picture],
            c,
            row,
            windows,
            dx,
        });
    });
}

struct Mean<'a, E> {
    x: &'a [E], // [H, W, C]
    c: usize,
    width: usize,
    rows: Window,
    columns: &'a [Window],
    y: &'a mut [E], // [OW, C]
}

impl<E: Float> Kernel<E> for Mean<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let c = self.c;
        for (column, y) in self.columns.iter().zip(self.y.chunks_exact_mut(c)) {
            let scale = V::splat(E::ONE / E::from_usize(self.rows.share * column.share));
            for at in places::<V>(c) {
                let mut sum = V::splat(E::ZERO);
                for row in self.rows.start..self.rows.end {
                    let x = &self.x[(row * self.width + column.start) * c..][..column.len() * c];
                    for x in x.chunks_exact(c) {
                        sum = sum.add(V::read(&x[at.clone()]));
                    }
                }
                sum.mul(scale).write(&mut y[at]);
            }
        }
    }
}

/// The mean of each channel in each window: `x [B, H, W, C]` to `y [B, OH, OW, C]`.
///
/// # Panics
/// If the shapes do not fit.
pub fn avg_pool2d<E: Float>(x: &[E], c: usize, windows: &[Windows; 2], y: &mut [E]) {
    let [rows, columns] = windows;
    check("avg_pool2d", x.len(), y.len(), c, windows);
    let (line, picture) = (columns.outputs() * c, rows.input * columns.input * c);
    let task = rows_per_task(line * rows.widest() * columns.widest());
    parallel_rows(y, line, task, |first, y| {
        for (i, y) in y.chunks_exact_mut(line).enumerate() {
            let (b, o) = ((first + i) / rows.outputs(), (first + i) % rows.outputs());
            E::dispatch(Mean {
                x: &x[b * picture..][..picture],
                c,
                width: columns.input,
                rows: rows.all[o],
                columns: &columns.all,
                y,
            });
        }
    });
}

struct MeanBackward<'a, E> {
    dy: &'a [E], // [OH, OW, C]
    c: usize,
    row: usize,
    windows: &'a [Windows; 2],
    dx: &'a mut [E], // [W, C]
}

impl<E: Float> Kernel<E> for MeanBackward<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let (c, [rows, columns]) = (self.c, self.windows);
        self.dx.fill(E::ZERO);
        for o in rows.seeing(self.row) {
            let dy = &self.dy[o * columns.outputs() * c..][..columns.outputs() * c];
            for (column, dy) in columns.all.iter().zip(dy.chunks_exact(c)) {
                let share = rows.all[o].share * column.share;
                let scale = V::splat(E::ONE / E::from_usize(share));
                let dx = &mut self.dx[column.start * c..column.end * c];
                for dx in dx.chunks_exact_mut(c) {
                    for at in places::<V>(c) {
                        let sum = V::read(&dy[at.clone()]).mul_add(scale, V::read(&dx[at.clone()]));
                        sum.write(&mut dx[at]);
                    }
                }
            }
        }
    }
}

/// The gradient of [`avg_pool2d`]: each element of `dx [B, H, W, C]` gets its share of `dy [B, OH, OW, C]` from
/// every window that sees it.
///
/// # Panics
/// If the shapes do not fit.
pub fn avg_pool2d_backward<E: Float>(dy: &[E], c: usize, windows: &[Windows; 2], dx: &mut [E]) {
    check("avg_pool2d_backward", dx.len(), dy.len(), c, windows);
    for_each_row(windows, c, dy.len(), dx, |picture, row, dx| {
        E::dispatch(MeanBackward {
            dy: &dy[picture],
            c,
            row,
            windows,
            dx,
        });
    });
}

/// Calls `f(where its picture lies in the output, row, dx [W, C])` for each row of the input.
fn for_each_row<E: Float>(
    windows: &[Windows; 2],
    c: usize,
    outputs: usize,
    dx: &mut [E],
    f: impl Fn(Range<usize>, usize, &mut [E]) + Sync,
) {
    let [rows, columns] = windows;
    let (line, picture) = (columns.input * c, rows.outputs() * columns.outputs() * c);
    // Each element of the input looks at all windows that see it.
    let seen = (picture * rows.widest() * columns.widest()).div_ceil(rows.input);
    debug_assert!(outputs.is_multiple_of(picture.max(1)));
    parallel_rows(dx, line, rows_per_task(seen.max(line)), |first, dx| {
        for (i, dx) in dx.chunks_exact_mut(line).enumerate() {
            let (b, row) = ((first + i) / rows.input, (first + i) % rows.input);
            f(b * picture..(b + 1) * picture, row, dx);
        }
    });
}

fn check(name: &str, x: usize, y: usize, c: usize, [rows, columns]: &[Windows; 2]) {
    let (h, w, oh, ow) = (rows.input, columns.input, rows.outputs(), columns.outputs());
    let pictures = x.checked_div(h * w * c).unwrap_or(0);
    assert!(
        x == pictures * h * w * c && y == pictures * oh * ow * c,
        "{name}: expected [B, {h}, {w}, {c}] and [B, {oh}, {ow}, {c}], got {x} and {y} elements"
    );
}
