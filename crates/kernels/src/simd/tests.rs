//! The same checks for every instruction set of this machine.

use super::*;

struct Map1<'a> {
    which: usize,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel<f32> for Map1<'_> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = f32>>(self) {
        for (x, y) in self.x.chunks(V::LANES).zip(self.y.chunks_mut(V::LANES)) {
            let v = V::read(x);
            let v = match self.which {
                0 => v.exp(),
                1 => v.tanh(),
                2 => v.sigmoid(),
                _ => v.normal_cdf(),
            };
            v.write(y);
        }
    }
}

/// Distance from the exact value, in units in the last place of the nearest `f32`; none where both lie below
/// the normal numbers, which kernels flush to zero.
fn ulp(got: f32, exact: f64) -> f64 {
    if exact.abs() < f64::from(f32::MIN_POSITIVE) && got.abs() <= f32::MIN_POSITIVE {
        return 0.0;
    }
    if exact.abs() > f64::from(f32::MAX) {
        return if got.is_infinite() || got == f32::MAX {
            0.0
        } else {
            f64::INFINITY
        };
    }
    let near = exact as f32;
    let bits = near.abs().max(f32::MIN_POSITIVE).to_bits();
    let unit = f64::from(f32::from_bits(bits + 1)) - f64::from(f32::from_bits(bits));
    (f64::from(got) - exact).abs() / unit
}

fn worst(level: Level, which: usize, exact: fn(f64) -> f64) -> f64 {
    let mut worst = 0.0f64;
    // Every 499th float of both signs up to 110 in size.
    let top = 110f32.to_bits();
    let xs: Vec<f32> = (0..top)
        .step_by(499)
        .flat_map(|b| [f32::from_bits(b), -f32::from_bits(b)])
        .collect();
    let mut ys = vec![0.0; xs.len()];
    f32::dispatch_at(
        level,
        Map1 {
            which,
            x: &xs,
            y: &mut ys,
        },
    );
    for (&x, &y) in xs.iter().zip(&ys) {
        worst = worst.max(ulp(y, exact(f64::from(x))));
    }
    worst
}

#[test]
fn exponentials_are_close_to_the_exact_values() {
    for level in levels() {
        let e = worst(level, 0, f64::exp);
        let t = worst(level, 1, f64::tanh);
        let s = worst(level, 2, Float::sigmoid);
        println!(
            "{}: exp {e:.2} tanh {t:.2} sigmoid {s:.2} ulp",
            level.name()
        );
        assert!(e <= 1.1 && t <= 1.4 && s <= 2.5, "{level:?}: {e} {t} {s}");
    }
}

#[test]
fn the_normal_distribution_is_close_to_the_exact_values() {
    // From tables; the rest against the series.
    for (x, exact) in [
        (0.0, 0.5),
        (1.0, 0.841_344_746_068_543),
        (-3.0, 0.001_349_898_031_630_095),
    ] {
        assert!((Float::normal_cdf(x) - exact).abs() < 1e-15, "{x}");
    }
    let mut xs: Vec<f32> = (-4000..=4000).map(|i| i as f32 / 400.0).collect();
    xs.extend([f32::INFINITY, f32::NEG_INFINITY, 1e-30]);
    let mut ys = vec![0.0; xs.len()];
    for level in levels() {
        let map = Map1 {
            which: 3,
            x: &xs,
            y: &mut ys,
        };
        f32::dispatch_at(level, map);
        for (&x, &y) in xs.iter().zip(&ys) {
            let exact = Float::normal_cdf(f64::from(x));
            assert!(
                (f64::from(y) - exact).abs() < 3e-7,
                "{level:?}: {x}: {y}, not {exact}"
            );
        }
    }
}

#[test]
fn exponentials_keep_infinities_and_nan() {
    for level in levels() {
        let x = [
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::NAN,
            0.0,
            -1000.0,
            1000.0,
            1e-30,
        ];
        let mut y = [0.0; 7];
        f32::dispatch_at(
            level,
            Map1 {
                which: 0,
                x: &x,
                y: &mut y,
            },
        );
        assert!(y[0] == f32::INFINITY && y[1] == 0.0 && y[2].is_nan() && y[3] == 1.0);
        assert!(y[4] == 0.0 && y[5] == f32::INFINITY && y[6] == 1.0);
        f32::dispatch_at(
            level,
            Map1 {
                which: 1,
                x: &x,
                y: &mut y,
            },
        );
        assert!(y[0] == 1.0 && y[1] == -1.0 && y[2].is_nan() && y[3] == 0.0);
        assert!(y[4] == -1.0 && y[5] == 1.0 && y[6] == 1e-30);
        f32::dispatch_at(
            level,
            Map1 {
                which: 2,
                x: &x,
                y: &mut y,
            },
        );
        assert!(y[0] == 1.0 && y[1] == 0.0 && y[2].is_nan() && y[3] == 0.5);
        assert!(y[4] == 0.0 && y[5] == 1.0 && y[6] == 0.5);
    }
}

struct Primitives<E>(std::marker::PhantomData<E>);

impl<E: Float> Kernel<E> for Primitives<E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let x: Vec<E> = (0..V::LANES)
            .map(|i| E::from_f64(i as f64 * 0.75 - 2.0))
            .collect();
        let v = V::read(&x);
        let two = V::splat(E::from_f64(2.0));
        let total = x.iter().map(|v| v.to_f64()).sum::<f64>();
        assert_eq!(v.reduce_sum().to_f64(), total);
        assert_eq!(v.reduce_max(), x[V::LANES - 1]);
        for n in 0..=V::LANES {
            let part = V::read(&x[..n]).to_array();
            assert_eq!(part[..n], x[..n]);
            assert!(part[n..].iter().all(|&p| p == E::ZERO));
            let mut out = vec![E::ONE; V::LANES + 1];
            v.write(&mut out[..n]);
            assert_eq!(out[..n], x[..n]);
            assert!(out[n..].iter().all(|&o| o == E::ONE));
        }
        type Check<V> = (V, fn(f64) -> f64);
        let checks: [Check<V>; 9] = [
            (v.add(two), |x| x + 2.0),
            (v.sub(two), |x| x - 2.0),
            (v.mul(two), |x| x * 2.0),
            (v.div(two), |x| x / 2.0),
            (v.mul_add(two, two), |x| x * 2.0 + 2.0),
            (v.max(two), |x| x.max(2.0)),
            (v.min(two), |x| x.min(2.0)),
            (v.round(), f64::round_ties_even),
            (v.round().pow2(), |x| x.round_ties_even().exp2()),
        ];
        for (got, want) in checks {
            for (g, x) in got.to_array().iter().zip(&x) {
                assert_eq!(g.to_f64(), want(x.to_f64()));
            }
        }
        let picked = v.select_gt(V::splat(E::ZERO), two, v).to_array();
        for (g, &x) in picked.iter().zip(&x) {
            assert_eq!(*g, if x > E::ZERO { E::from_f64(2.0) } else { x });
        }
    }
}

#[test]
fn primitives_agree_with_scalar_arithmetic() {
    for level in levels() {
        f32::dispatch_at(level, Primitives(std::marker::PhantomData));
        f64::dispatch_at(level, Primitives(std::marker::PhantomData));
    }
}
