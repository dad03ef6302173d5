//! Matrix products of Unfold, `gemm` and `faer`, shape by shape, in turn: GFLOP/s of the median run.
//!
//! `cargo run --release [THREADS]`; 2 threads by default.

use std::time::Instant;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use gemm::Parallelism;
use unfold_kernels::{self as kernels, Mat};

/// `C [m, n] = A [m, k] B [k, n]`, and where such a product is found. With `turned`, A lies as `[k, m]`.
struct Shape {
    m: usize,
    n: usize,
    k: usize,
    turned: bool,
    what: &'static str,
}

const fn shape(what: &'static str, [m, n, k]: [usize; 3], turned: bool) -> Shape {
    Shape {
        m,
        n,
        k,
        turned,
        what,
    }
}

const SHAPES: [Shape; 12] = [
    shape("square", [512, 512, 512], false),
    shape("square", [1024, 1024, 1024], false),
    shape("square", [2048, 2048, 2048], false),
    shape("inputs of an LSTM of 200", [700, 800, 200], false),
    shape("inputs of an LSTM of 650", [700, 2600, 650], false),
    shape("10,000 words from 650 units", [700, 10_000, 650], false),
    shape("their weight's gradient", [650, 10_000, 700], true),
    shape("their states' gradient", [700, 650, 10_000], false),
    shape("pixels under 3 x 3 taps", [16_384, 64, 576], false),
    shape("tiles at one place", [192, 64, 64], false),
    shape("a step of 20 sequences", [20, 2600, 650], false),
    shape("a step of one sequence", [1, 2600, 650], false),
];

/// One library's product: A, B, C.
type Product<'a> = dyn Fn(&Shape, &[f32], &[f32], &mut [f32]) + 'a;

fn unfold(shape: &Shape, a: &[f32], b: &[f32], c: &mut [f32]) {
    let Shape {
        m, n, k, turned, ..
    } = *shape;
    let a = if turned { Mat::t(a, m) } else { Mat::new(a, k) };
    kernels::gemm(
        m,
        n,
        k,
        a,
        Mat::new(b, n),
        false,
        kernels::MatMut::new(c, n),
    );
}

fn gemm_crate(threads: usize) -> impl Fn(&Shape, &[f32], &[f32], &mut [f32]) {
    let parallelism = match threads {
        1 => Parallelism::None,
        n => Parallelism::Rayon(n),
    };
    move |shape, a, b, c| {
        let Shape {
            m, n, k, turned, ..
        } = *shape;
        let [down, across] = if turned { [1, m] } else { [k, 1] };
        // SAFETY: the slices hold matrices of these sizes with these strides.
        unsafe {
            gemm::gemm(
                m,
                n,
                k,
                c.as_mut_ptr(),
                1,
                n as isize,
                false,
                a.as_ptr(),
                across as isize,
                down as isize,
                b.as_ptr(),
                1,
                n as isize,
                0.0,
                1.0,
                false,
                false,
                false,
                parallelism,
            );
        }
    }
}

fn faer_crate(threads: usize) -> impl Fn(&Shape, &[f32], &[f32], &mut [f32]) {
    let par = match threads {
        1 => Par::Seq,
        n => Par::rayon(n),
    };
    move |shape, a, b, c| {
        let Shape {
            m, n, k, turned, ..
        } = *shape;
        let a = match turned {
            true => MatRef::from_column_major_slice(a, m, k),
            false => MatRef::from_row_major_slice(a, m, k),
        };
        let b = MatRef::from_row_major_slice(b, k, n);
        let c = MatMut::from_row_major_slice_mut(c, m, n);
        matmul(c, Accum::Replace, a, b, 1.0, par);
    }
}

fn main() {
    let threads = std::env::args()
        .nth(1)
        .map_or(2, |n| n.parse().expect("a number of threads"));
    kernels::set_threads(threads);
    let (gemm_crate, faer_crate) = (gemm_crate(threads), faer_crate(threads));
    let libraries: [(&str, &Product<'_>); 3] = [
        ("Unfold", &unfold),
        ("gemm", &gemm_crate),
        ("faer", &faer_crate),
    ];
    println!("{} threads, {}, GFLOP/s\n", threads, kernels::simd_level());
    println!("| m | n | k | | Unfold | gemm | faer |\n| --- | --- | --- | --- | --- | --- | --- |");
    for shape in &SHAPES {
        let Shape { m, n, k, what, .. } = *shape;
        let value = |i: usize| (i % 17) as f32 / 17.0 - 0.5;
        let a: Vec<f32> = (0..m * k).map(value).collect();
        let b: Vec<f32> = (0..k * n).map(value).collect();
        let flops = 2.0 * (m * n * k) as f64;
        let together = (2e7 / flops).ceil() as usize; // so that a run is no shorter than a clock can tell
        let rounds = (2e10 / flops).clamp(9.0, 101.0) as usize;
        let mut times = libraries.map(|_| Vec::new());
        let mut results = libraries.map(|_| vec![0.0f32; m * n]);
        for _ in 0..rounds {
            for (((_, product), times), c) in libraries.iter().zip(&mut times).zip(&mut results) {
                let began = Instant::now();
                (0..together).for_each(|_| product(shape, &a, &b, c));
                times.push(began.elapsed().as_secs_f64() / together as f64);
            }
        }
        for c in &results[1..] {
            let far = c
                .iter()
                .zip(&results[0])
                .any(|(x, y)| (x - y).abs() > 1e-3 * k as f32);
            assert!(!far, "{what}: results differ");
        }
        print!("| {m} | {n} | {k} | {what} |");
        for times in &mut times {
            times.sort_by(f64::total_cmp);
            print!(" {:.1} |", flops / times[times.len() / 2] * 1e-9);
        }
        println!();
    }
}
