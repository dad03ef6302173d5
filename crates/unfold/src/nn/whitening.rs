//! A first convolution that makes what it sees uncorrelated.

use crate::nn::{Conv2d, Params};
use crate::{Float, Tensor};

/// Sets the weight of a convolution from KH·KW·C values to twice as many channels O so that its outputs on pictures
/// such as `images` `[B, H, W, C]` are uncorrelated and of like size: the directions in which patches vary, each divided by
/// how much they do, and their negatives.
///
/// w_i = v_i / √(λ_i + ε), w_(n + i) = -w_i, with λ_i and v_i the eigenvalues, largest first, and eigenvectors of the patches'
/// covariance (Coates and Ng 2012; as a fixed first layer: Page 2019).
///
/// # Panics
/// When the convolution has groups or dilation, its weight is not `[KH, KW, C, 2 KH KW C]`, or the images have no patch of
/// its kernel's size.
#[track_caller]
pub fn whiten<E: Float>(conv: &Conv2d, params: &mut Params<E>, images: &Tensor<E>, epsilon: f64) {
    let [b, h, w, c] = *images.dims() else {
        panic!(
            "whiten: expected images [B, H, W, C], got {}",
            images.shape()
        );
    };
    let shape = params.entry(conv.weight()).shape;
    let geometry = conv.geometry();
    let [kh, kw] = geometry.kernel;
    let n = kh * kw * c;
    assert!(
        shape.dims() == [kh, kw, c, 2 * n],
        "whiten: expected a weight [{kh}, {kw}, {c}, {}], got {shape}",
        2 * n
    );
    assert!(
        geometry.dilation == [1, 1] && geometry.groups == 1,
        "whiten: expected a convolution without dilation and groups, got {geometry:?}"
    );
    let mut covariance = vec![0.0; n * n];
    let mut patch = vec![0.0; n];
    let (mut sum, mut count) = (vec![0.0; n], 0.0);
    for picture in images.data().chunks_exact((h * w * c).max(1)).take(b) {
        for y in 0..(h + 1).saturating_sub(kh) {
            for x in 0..(w + 1).saturating_sub(kw) {
                for (ky, row) in patch.chunks_exact_mut(kw * c).enumerate() {
                    let from = &picture[((y + ky) * w + x) * c..];
                    row.iter_mut()
                        .zip(from)
                        .for_each(|(to, &from)| *to = from.to_f64());
                }
                count += 1.0;
                for i in 0..n {
                    sum[i] += patch[i];
                    for j in 0..=i {
                        covariance[i * n + j] += patch[i] * patch[j];
                    }
                }
            }
        }
    }
    assert!(
        count > 0.0,
        "whiten: expected images with patches of {kh} x {kw}, got {}",
        images.shape()
    );
    for i in 0..n {
        for j in 0..=i {
            let value = (covariance[i * n + j] - sum[i] * sum[j] / count) / count;
            (covariance[i * n + j], covariance[j * n + i]) = (value, value);
        }
    }
    let (values, vectors) = eigen(covariance, n);
    let weight = params.get_mut(conv.weight()); // [KH KW C, 2 n]
    for i in 0..n {
        let scale = (values[i].max(0.0) + epsilon).sqrt().recip();
        for k in 0..n {
            let value = E::from_f64(vectors[i * n + k] * scale);
            weight[k * 2 * n + i] = value;
            weight[k * 2 * n + n + i] = -value;
        }
    }
}

/// The eigenvalues of a symmetric matrix `[n, n]`, largest first, and its eigenvectors, one a row, by Jacobi's rotations.
/// The largest element of each vector is positive.
fn eigen(mut a: Vec<f64>, n: usize) -> (Vec<f64>, Vec<f64>) {
    const SWEEPS: usize = 60;
    let mut vectors = vec![0.0; n * n];
    (0..n).for_each(|i| vectors[i * n + i] = 1.0);
    let size: f64 = a.iter().map(|x| x * x).sum();
    for _ in 0..SWEEPS {
        let pairs = (0..n).flat_map(|p| (p + 1..n).map(move |q| (p, q)));
        let beside: f64 = pairs.clone().map(|(p, q)| a[p * n + q].powi(2)).sum();
        if beside <= 1e-30 * size {
            break;
        }
        for (p, q) in pairs {
            let apart = a[p * n + q];
            if apart == 0.0 {
                continue;
            }
            // The rotation that takes a[p, q] away (Golub and Van Loan, section 8.5).
            let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * apart);
            let tangent = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
            let cosine = (tangent * tangent + 1.0).sqrt().recip();
            let sine = tangent * cosine;
            for k in 0..n {
                let (x, y) = (a[k * n + p], a[k * n + q]);
                (a[k * n + p], a[k * n + q]) = (cosine * x - sine * y, sine * x + cosine * y);
            }
            for rows in [&mut a, &mut vectors] {
                for k in 0..n {
                    let (x, y) = (rows[p * n + k], rows[q * n + k]);
                    (rows[p * n + k], rows[q * n + k]) =
                        (cosine * x - sine * y, sine * x + cosine * y);
                }
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| a[j * n + j].total_cmp(&a[i * n + i]));
    let values = order.iter().map(|&i| a[i * n + i]).collect();
    let mut sorted = Vec::with_capacity(n * n);
    for i in order {
        let row = &vectors[i * n..][..n];
        let largest = row
            .iter()
            .fold(0.0f64, |m, &x| if x.abs() > m.abs() { x } else { m });
        sorted.extend(row.iter().map(|x| x * largest.signum()));
    }
    (values, sorted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops;
    use crate::testkit::values;

    #[test]
    fn what_comes_out_is_uncorrelated_and_of_like_size() {
        let mut params = Params::<f64>::new(1);
        let geometry = ops::Conv2d::new([2, 2]);
        let conv = Conv2d::without_bias(&mut params.scope("conv"), 3, 24, geometry);
        // Neighbours alike, channels alike.
        let noise = values("noise", [40, 9, 8, 3]);
        let smooth = noise
            .add(&values("shared", [40, 1, 1, 1]))
            .add(&values("rows", [40, 9, 1, 1]));
        let mean = smooth.sum().item() / smooth.len() as f64;
        let images = smooth.affine(1.0, -mean);
        whiten(&conv, &mut params, &images, 0.0);
        let y = images.conv2d(&params.tensor(conv.weight()), None, geometry); // [40, 8, 7, 24]
        let rows: Vec<&[f64]> = y.data().chunks_exact(24).collect();
        let count = rows.len() as f64;
        for i in 0..12 {
            for j in 0..12 {
                let mean = |k: usize| rows.iter().map(|row| row[k]).sum::<f64>() / count;
                let product = rows.iter().map(|row| row[i] * row[j]).sum::<f64>() / count;
                let covariance = product - mean(i) * mean(j);
                let wanted = f64::from(u8::from(i == j));
                assert!((covariance - wanted).abs() < 1e-9, "{i} {j}: {covariance}");
            }
        }
        assert!(
            rows.iter()
                .all(|row| (0..12).all(|i| row[i] == -row[12 + i]))
        );
    }
}
