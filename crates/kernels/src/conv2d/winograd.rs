//! Convolution with 3 x 3 taps in a quarter of the products (Winograd 1980; Lavin and Gray 2016, F(4 x 4, 3 x 3)).
//!
//! Along an axis, three taps over six pixels give four outputs. Read as a product of polynomials, that takes six
//! multiplications instead of twelve: of values at six places. With B, G and A for what pixels, taps and outputs become
//! there ([`maps`]),
//!
//! y = A^T [(G g G^T) * (B^T x B)] A,  dg = G^T [(B^T x B) * (A dy A^T)] G,  `*` element by element,
//!
//! and the sums over channels are 36 matrix products over all tiles.

mod maps;

use std::marker::PhantomData;
use std::ops::Range;

use self::maps::{Axis, Gradients, Outputs, Pixels, TapGradients, Taps, both};
use super::{Conv2d, Sizes, pixels};
use crate::buffer::Buffer;
use crate::float::Float;
use crate::gemm::{Finish, Panels, Pieces, Places, columns_product, rows_product};
use crate::shared::Shared;
use crate::simd::{Kernel, MAX_LANES, Vector, places};
use crate::threads::{parallel, rows_per_task};
use crate::transpose::transpose;
use crate::zeros::Zeros;

/// Outputs of a tile along an axis, the pixels they see, and the places where values are multiplied.
const OUT: usize = 4;
const IN: usize = 6;
const PLACES: usize = IN * IN;
/// Elements that the tiles worked on together fill, and fewest such tiles: the weight is read once for them.
const ELEMENTS: usize = 1 << 20;
const TILES: usize = 96;
/// Elements that the weight's part worked on fills, where all tiles are worked on together: the far cache holds it, too.
const PART: usize = 1 << 22;
/// Fewest channels in and out, and fewest tiles, for which it pays; no vector has more lanes.
const CHANNELS: usize = MAX_LANES;
const ENOUGH: usize = 16;
/// Between planes, so that they do not fall on the same lines of a cache.
const APART: usize = 16;

/// Where the vectors of `n` channels begin. All are whole, for which the last may take channels that the one before it has: to
/// ask at every vector how much is left took more time than all else that is done to it.
fn starts<V: Vector>(n: usize) -> impl Iterator<Item = usize> {
    let last = n - V::LANES;
    (0..n).step_by(V::LANES).map(move |at| at.min(last))
}

/// Tiles side by side in a picture, `OUT` pixels from one to the next.
struct Line<'a, E> {
    picture: &'a [E],
    size: [usize; 2],
    channels: usize,
    /// Where the first tile begins, perhaps before the picture.
    corner: [isize; 2],
    zeros: &'a [E],
}

impl<E> Line<'_, E> {
    /// The channels at each pixel of a tile: zeros outside the picture.
    fn tile<const SIDE: usize>(&self, tile: usize) -> [[*const E; SIDE]; SIDE] {
        let inside = |axis: usize, at: isize| {
            let at = usize::try_from(self.corner[axis] + at).ok();
            at.filter(|&at| at < self.size[axis])
        };
        let pixel = |y: usize, x: usize| {
            let at = (inside(0, y as isize), inside(1, (tile * OUT + x) as isize));
            match at {
                (Some(y), Some(x)) => &self.picture[(y * self.size[1] + x) * self.channels..],
                _ => self.zeros,
            }
        };
        std::array::from_fn(|y| std::array::from_fn(|x| pixel(y, x)[..self.channels].as_ptr()))
    }
}

/// What the tiles of a line become under a map, one plane for each place.
struct Spread<'a, E, T, const SIDE: usize> {
    line: Line<'a, E>,
    map: PhantomData<T>,
    /// The line's part of each plane, `[tile][channel]`.
    to: [&'a mut [E]; PLACES],
}

impl<E: Float, T: Axis<SIDE, IN>, const SIDE: usize> Kernel<E> for Spread<'_, E, T, SIDE> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let (channels, len) = (self.line.channels, self.to[0].len());
        assert!(channels >= V::LANES && self.to.iter().all(|to| to.len() == len));
        let to = self.to.map(|to| to.as_mut_ptr());
        for tile in 0..len / channels {
            let from = self.line.tile::<SIDE>(tile);
            for at in starts::<V>(channels) {
                let mut x = [[V::splat(E::ZERO); SIDE]; SIDE];
                for (x, from) in x.iter_mut().zip(&from) {
                    for (x, from) in x.iter_mut().zip(from) {
                        // SAFETY: a vector of the pixel's channels.
                        *x = unsafe { V::load(from.add(at)) };
                    }
                }
                let y = both::<T, V, SIDE, IN>(&x);
                let at = tile * channels + at;
                for (y, to) in y.iter().zip(to.chunks_exact(IN)) {
                    for (y, to) in y.iter().zip(to) {
                        // SAFETY: a vector of the tile's channels, which each plane has.
                        unsafe { y.store(to.add(at)) };
                    }
                }
            }
        }
    }
}

/// The outputs of a line of tiles.
struct Gather<'a, E> {
    /// The line's part of each plane, `[tile][channel]`.
    from: [&'a [E]; PLACES],
    bias: Option<&'a [E]>,
    finish: Finish<'a, E>,
    /// Rows of pixels, `OUT` or fewer at the end of a picture.
    to: &'a mut [E],
    width: usize,
    channels: usize,
}

impl<E: Float> Kernel<E> for Gather<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let (channels, len) = (self.channels, self.from[0].len());
        assert!(channels >= V::LANES && self.from.iter().all(|from| from.len() == len));
        let from = self.from.map(<[E]>::as_ptr);
        let row = self.width * channels;
        for tile in 0..len / channels {
            for at in starts::<V>(channels) {
                let mut m = [[V::splat(E::ZERO); IN]; IN];
                for (m, from) in m.iter_mut().zip(from.chunks_exact(IN)) {
                    for (m, from) in m.iter_mut().zip(from) {
                        // SAFETY: a vector of the tile's channels, which each plane has.
                        *m = unsafe { V::load(from.add(tile * channels + at)) };
                    }
                }
                let at = at..at + V::LANES;
                let bias = match self.bias {
                    Some(bias) => V::read(&bias[at.clone()]),
                    None => V::splat(E::ZERO),
                };
                let y = both::<Outputs, V, IN, OUT>(&m);
                for (i, (y, to)) in y.iter().zip(self.to.chunks_exact_mut(row)).enumerate() {
                    let first = tile * OUT * channels;
                    let to = to[first..].chunks_exact_mut(channels);
                    for (j, (y, to)) in y.iter().zip(to).enumerate() {
                        let place = i * row + first + j * channels;
                        let place = place + at.start..place + at.end;
                        let y = self.finish.apply(y.add(bias), place);
                        y.write(&mut to[at.clone()]);
                    }
                }
            }
        }
    }
}

/// The columns of a panel of each place, from the taps of those columns.
struct Weights<'a, E> {
    /// Each tap's `[C, O]`.
    taps: [&'a [E]; 9],
    columns: usize,
    /// The panel's columns.
    live: Range<usize>,
    to: [&'a mut [E]; PLACES],
}

impl<E: Float> Kernel<E> for Weights<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let Weights {
            taps,
            columns,
            live,
            mut to,
        } = self;
        let width = 2 * V::LANES;
        for c in 0..to[0].len() / width {
            for half in 0..2 {
                let start = live.end.min(live.start + half * V::LANES);
                let some = c * columns + start..c * columns + live.end.min(start + V::LANES);
                let mut g = [[V::splat(E::ZERO); 3]; 3];
                for (g, taps) in g.iter_mut().zip(taps.chunks_exact(3)) {
                    for (g, tap) in g.iter_mut().zip(taps) {
                        *g = V::read(&tap[some.clone()]);
                    }
                }
                let u = both::<Taps, V, 3, IN>(&g);
                let at = c * width + half * V::LANES;
                for (u, to) in u.iter().zip(to.chunks_exact_mut(IN)) {
                    for (u, to) in u.iter().zip(to) {
                        u.write(&mut to[at..at + V::LANES]);
                    }
                }
            }
        }
    }
}

/// The gradients of taps, for some elements of `[C, O]`.
struct Collect<'a, E> {
    from: [&'a [E]; PLACES],
    to: [&'a mut [E]; 9],
}

impl<E: Float> Kernel<E> for Collect<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let Collect { from, mut to } = self;
        for at in places::<V>(from[0].len()) {
            let mut u = [[V::splat(E::ZERO); IN]; IN];
            for (u, from) in u.iter_mut().zip(from.chunks_exact(IN)) {
                for (u, from) in u.iter_mut().zip(from) {
                    *u = V::read(&from[at.clone()]);
                }
            }
            let g = both::<TapGradients, V, IN, 3>(&u);
            for (g, to) in g.iter().zip(to.chunks_exact_mut(3)) {
                for (g, to) in g.iter().zip(to) {
                    g.write(&mut to[at.clone()]);
                }
            }
        }
    }
}

/// How pictures are cut into tiles.
struct Tiles {
    /// Lines of tiles in a picture, and tiles in a line.
    down: usize,
    across: usize,
    /// Lines of all pictures, and how many are worked on together.
    lines: usize,
    some: usize,
}

impl Tiles {
    fn new(sizes: &Sizes) -> Self {
        let [down, across] = sizes.output.map(|n| n.div_ceil(OUT));
        let tiles = (ELEMENTS / (PLACES * (sizes.c + sizes.o))).max(TILES);
        Tiles {
            down,
            across,
            lines: sizes.batch * down,
            some: tiles.div_ceil(across).min(sizes.batch * down),
        }
    }

    /// Elements from a plane of so many channels to the next.
    fn plane(&self, channels: usize) -> usize {
        self.some * self.across * channels + APART
    }

    /// The lines worked on together, in turn.
    fn blocks(&self) -> impl Iterator<Item = Range<usize>> {
        let Tiles { lines, some, .. } = *self;
        (0..lines)
            .step_by(some)
            .map(move |first| first..lines.min(first + some))
    }

    /// Maps the tiles of some lines of pictures `x [B, H, W, channels]` that begin `before` the first pixel.
    fn spread<E: Float, T: Axis<SIDE, IN>, const SIDE: usize>(
        &self,
        x: &[E],
        size: [usize; 2],
        channels: usize,
        before: [usize; 2],
        lines: Range<usize>,
        planes: &mut [E],
    ) {
        let (row, plane) = (self.across * channels, self.plane(channels));
        let (zeros, planes) = (Zeros::new(channels), Shared::new(planes));
        parallel(lines.len(), |i| {
            let (picture, line) = ((lines.start + i) / self.down, (lines.start + i) % self.down);
            let picture = &x[picture * size[0] * size[1] * channels..];
            // SAFETY: each line has its own part of each plane.
            let to = |place: usize| unsafe { planes.part(place * plane + i * row, row) };
            E::dispatch(Spread::<E, T, SIDE> {
                line: Line {
                    picture: &picture[..size[0] * size[1] * channels],
                    size,
                    channels,
                    corner: [
                        (line * OUT) as isize - before[0] as isize,
                        -(before[1] as isize),
                    ],
                    zeros: &zeros,
                },
                map: PhantomData,
                to: std::array::from_fn(to),
            });
        });
    }
}

/// Whether the products saved are worth the maps and the larger weight, and rows and columns of taps can be missing
/// only at the edge.
pub(super) fn pays(geometry: &Conv2d, sizes: &Sizes) -> bool {
    let tiles = sizes.batch * pixels(sizes.output.map(|n| n.div_ceil(OUT)));
    let plain = Conv2d {
        padding: geometry.padding,
        ..Conv2d::new([3, 3])
    };
    *geometry == plain
        && geometry.padding.iter().all(|[before, _]| *before < 3)
        && sizes.c.min(sizes.o) >= CHANNELS
        && tiles >= ENOUGH
        && 2 * sizes.batch * pixels(sizes.output) >= tiles * OUT * OUT
}

/// Of `n` columns or rows, as many as are worked on together where each has `elements` at each place.
fn part(n: usize, elements: usize) -> usize {
    let parts = (PLACES * n * elements).div_ceil(PART).max(1);
    n.div_ceil(parts).next_multiple_of(2 * MAX_LANES).min(n)
}

/// A weight `[3, 3, C, O]` at each place, as a right factor.
pub(super) fn pack<E: Float>(w: &[E], [c, o]: [usize; 2]) -> Vec<Panels<E>> {
    pack_columns(w, [c, o], 0..o)
}

/// Some columns of it.
fn pack_columns<E: Float>(w: &[E], [c, o]: [usize; 2], columns: Range<usize>) -> Vec<Panels<E>> {
    let taps: [&[E]; 9] = std::array::from_fn(|tap| &w[tap * c * o..][..c * o]);
    Panels::filled::<PLACES>(c, columns.len(), |live, to| {
        E::dispatch(Weights {
            taps,
            columns: o,
            live: columns.start + live.start..columns.start + live.end,
            to,
        });
    })
}

/// What pixels are multiplied with.
enum Weight<'a, E: Float> {
    Packed(&'a [Panels<E>]),
    /// Packs some columns, for this time alone.
    Columns(&'a (dyn Fn(Range<usize>) -> Vec<Panels<E>> + Sync)),
}

/// `x [B, H, W, C]`, a packed `w`, `y [B, OH, OW, O]`; taps reach `before` pixels up and left.
pub(super) fn forward<E: Float>(
    x: &[E],
    sizes: &Sizes,
    before: [usize; 2],
    w: &[Panels<E>],
    bias: Option<&[E]>,
    finish: Finish<'_, E>,
    y: &mut [E],
) {
    pass(x, sizes, before, Weight::Packed(w), bias, finish, y);
}

/// [`forward`] with a weight `[3, 3, C, O]` that is packed for this time alone.
pub(super) fn forward_once<E: Float>(
    x: &[E],
    sizes: &Sizes,
    before: [usize; 2],
    w: &[E],
    bias: Option<&[E]>,
    y: &mut [E],
) {
    let pack = |columns: Range<usize>| pack_columns(w, [sizes.c, sizes.o], columns);
    let w = Weight::Columns(&pack);
    pass(x, sizes, before, w, bias, Finish::NONE, y);
}

fn pass<E: Float>(
    x: &[E],
    sizes: &Sizes,
    before: [usize; 2],
    w: Weight<'_, E>,
    bias: Option<&[E]>,
    finish: Finish<'_, E>,
    y: &mut [E],
) {
    let Sizes {
        input,
        output,
        c,
        o,
        ..
    } = *sizes;
    let y = Shared::new(y);
    let tiles = Tiles::new(sizes);
    // A weight that is met once is packed part by part.
    let columns = match tiles.some == tiles.lines {
        true => part(o, c),
        false => o,
    };
    let packed;
    let w = match w {
        Weight::Columns(pack) if columns == o => {
            packed = pack(0..o);
            Weight::Packed(&packed)
        }
        w => w,
    };
    let (seen, plane, row) = (tiles.plane(c), tiles.plane(o), tiles.across * o);
    // What the pixels of some lines of tiles become, and products.
    let [mut pixels_at, mut products] = [seen, plane].map(|n| Buffer::scratch(PLACES * n));
    for lines in tiles.blocks() {
        tiles.spread::<E, Pixels, IN>(x, input, c, before, lines.clone(), &mut pixels_at);
        let rows = lines.len() * tiles.across;
        let products = Shared::new(&mut products);
        let multiply = |w: &[Panels<E>], first: usize| {
            parallel(PLACES, |place| {
                // SAFETY: each task has its own plane.
                let to = unsafe { products.part(place * plane + first, rows * o - first) };
                let a = Pieces::rows(&pixels_at[place * seen..], rows, c, c);
                let starts = Places {
                    picture: o,
                    starts: &[0],
                };
                rows_product(a, &w[place], None, Finish::NONE, to, starts);
            });
        };
        match &w {
            Weight::Packed(w) => multiply(w, 0),
            Weight::Columns(pack) => {
                for first in (0..o).step_by(columns) {
                    multiply(&pack(first..o.min(first + columns)), first);
                }
            }
        }
        parallel(lines.len(), |i| {
            let (picture, line) = (
                (lines.start + i) / tiles.down,
                (lines.start + i) % tiles.down,
            );
            let first = picture * output[0] + line * OUT;
            let some = OUT.min(output[0] - line * OUT);
            // SAFETY: each task has its own rows of pixels, and the products are finished.
            let (from, to) = unsafe {
                (
                    std::array::from_fn(|place| products.read(place * plane + i * row, row)),
                    y.part(first * output[1] * o, some * output[1] * o),
                )
            };
            E::dispatch(Gather {
                from,
                bias,
                finish: finish.from(first * output[1] * o),
                to,
                width: output[1],
                channels: o,
            });
        });
    }
}

/// `dy [B, OH, OW, O]`, `w [3, 3, C, O]`, `dx [B, H, W, C]`: a convolution with the taps turned about.
pub(super) fn backward_data<E: Float>(
    dy: &[E],
    sizes: &Sizes,
    before: [usize; 2],
    w: &[E],
    dx: &mut [E],
) {
    let (c, o) = (sizes.c, sizes.o);
    let back = Sizes {
        batch: sizes.batch,
        input: sizes.output,
        output: sizes.input,
        c: o,
        o: c,
    };
    let before = before.map(|before| 2 - before);
    let pack = |columns: Range<usize>| {
        let n = columns.len();
        let mut turned = Buffer::scratch(9 * o * n);
        for (tap, to) in turned.chunks_exact_mut(o * n).enumerate() {
            transpose(&w[((8 - tap) * c + columns.start) * o..], o, n, to);
        }
        pack(&turned, [o, n])
    };
    let w = Weight::Columns(&pack);
    pass(dy, &back, before, w, None, Finish::NONE, dx);
}

/// `x [B, H, W, C]`, `dy [B, OH, OW, O]`, `dw [3, 3, C, O]`.
pub(super) fn backward_weights<E: Float>(
    x: &[E],
    sizes: &Sizes,
    before: [usize; 2],
    dy: &[E],
    dw: &mut [E],
) {
    let Sizes {
        input,
        output,
        c,
        o,
        ..
    } = *sizes;
    let tiles = Tiles::new(sizes);
    let (seen, changed) = (tiles.plane(c), tiles.plane(o));
    // Where all tiles are worked on together, rows of the weight can follow each other.
    let most = match tiles.some == tiles.lines {
        true => part(c, o),
        false => c,
    };
    let plane = most * o + APART;
    let mut left = Buffer::scratch(PLACES * seen);
    let mut right = Buffer::scratch(PLACES * changed);
    let mut sums = Buffer::scratch(PLACES * plane);
    let dw = Shared::new(dw);
    for first in (0..c).step_by(most) {
        let n = most.min(c - first);
        for lines in tiles.blocks() {
            if first == 0 {
                let lines = || lines.clone();
                tiles.spread::<E, Pixels, IN>(x, input, c, before, lines(), &mut left);
                tiles.spread::<E, Gradients, OUT>(dy, output, o, [0, 0], lines(), &mut right);
            }
            let rows = lines.len() * tiles.across;
            let sums = Shared::new(&mut sums);
            parallel(PLACES, |place| {
                // SAFETY: each task has its own plane.
                let to = unsafe { sums.part(place * plane, n * o) };
                let a = Pieces::rows(&left[place * seen + first..], rows, c, n);
                columns_product(
                    a,
                    (&right[place * changed..], o),
                    o,
                    lines.start > 0,
                    (to, o),
                );
            });
        }
        let some = rows_per_task(PLACES * o);
        parallel(n.div_ceil(some), |task| {
            let (row, len) = (task * some, some.min(n - task * some) * o);
            E::dispatch(Collect {
                from: std::array::from_fn(|place| &sums[place * plane + row * o..][..len]),
                // SAFETY: each task has its own rows of each tap.
                to: std::array::from_fn(|tap| unsafe { dw.part((tap * c + first + row) * o, len) }),
            });
        });
    }
}
