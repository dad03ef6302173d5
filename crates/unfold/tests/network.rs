//! Networks as lists of layers: how recipes write them, what an outline says, and that all forms compute the same.

use serde::{Deserialize, Serialize};
use unfold::nn::network::{
    LayerConfig, LayerKind, Network, Outline, Resnet, Stem, cnn, efficientnet_lite0, feed_forward,
    lenet5, mobilenet_v2, resnet, resnet9, resnet18, resnet34, resnet50,
};
use unfold::nn::{Params, Pass};
use unfold::testkit::{difference, values};
use unfold::{Key, Tensor};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Recipe {
    layers: Vec<LayerConfig>,
}

/// One of every kind of list and of writing.
const EVERYTHING: &str = r#"
layers = [
    { layer = "conv2d", channels = 6, kernel = [3, 2], padding = "same", name = "stem" },
    { layer = "batch_norm", momentum = 0.2 },
    { layer = "relu" },
    { layer = "max_pool", kernel = 2, padding = [[0, 1], [1, 0]] },
    { layer = "residual", body = [
        { layer = "conv2d", channels = 8, kernel = 3, stride = 2, padding = 1, groups = 2, init = "he" },
        { layer = "batch_norm", zero_init = true },
        { layer = "relu" },
        { layer = "conv2d", channels = 8, kernel = 1 },
        { layer = "batch_norm" },
    ], shortcut = [
        { layer = "avg_pool", kernel = 2, padding = "same", count_include_pad = false },
        { layer = "conv2d", channels = 8, kernel = 1, bias = false },
    ] },
    { layer = "relu" },
    { layer = "conv_transpose2d", channels = 8, kernel = 3, stride = 2, padding = "same", groups = 2 },
    { layer = "group_norm", groups = 4 },
    { layer = "leaky_relu" },
    { layer = "spatial_dropout", p = 0.3 },
    { layer = "max_pool", kernel = 2 },
    { layer = "parallel", branches = [
        [],
        [{ layer = "conv2d", channels = 3, kernel = 1 }, { layer = "tanh" }],
        [{ layer = "batch_norm" }, { layer = "sigmoid" }, { layer = "silu" }, { layer = "gelu" }, { layer = "hard_swish" }],
        [{ layer = "conv2d", channels = 2, kernel = 1 }, { layer = "batch_norm" }, { layer = "relu6" }],
    ] },
    { layer = "layer_norm", epsilon = 1e-3 },
    { layer = "batch_norm" },
    { layer = "relu" },
    { layer = "residual", body = [{ layer = "relu" }], shortcut = [{ layer = "scale", by = 0.5 }] },
    { layer = "adaptive_avg_pool", size = [3, 2] },
    { layer = "adaptive_max_pool", size = 2 },
    { layer = "relu" },
    { layer = "max_pool", kernel = 2, stride = 1 },
    { layer = "flatten" },
    { layer = "linear", size = 7, bias = false },
    { layer = "softmax" },
    { layer = "dropout", p = 0.5 },
    { layer = "linear", size = 4 },
    { layer = "scale", by = 0.125 },
]
"#;

fn parsed(text: &str) -> Vec<LayerConfig> {
    toml::from_str::<Recipe>(text).unwrap().layers
}

fn outline(layers: &[LayerConfig], input: [usize; 3]) -> Outline {
    Outline::new(layers, input, "model.layers").unwrap()
}

fn built(outline: &Outline) -> (Params<f64>, Network) {
    let mut params = Params::new(3);
    let network = Network::new(&mut params.scope("net"), outline);
    // No figure is what it is at the start.
    let noise = values("noise", [params.len()]);
    for (value, noise) in params.values_mut().iter_mut().zip(noise.data()) {
        *value += 0.2 * noise;
    }
    (params, network)
}

#[test]
fn a_list_survives_toml_and_json() {
    let layers = parsed(EVERYTHING);
    assert_eq!(layers.len(), 26);
    let recipe = Recipe { layers };
    let text = toml::to_string(&recipe).unwrap();
    assert_eq!(toml::from_str::<Recipe>(&text).unwrap(), recipe, "{text}");
    let json = serde_json::to_string(&recipe).unwrap();
    assert_eq!(serde_json::from_str::<Recipe>(&json).unwrap(), recipe);
    assert!(
        json.contains(r#"{"name":"stem","layer":"conv2d","channels":6,"kernel":[3,2],"stride":1"#),
        "{json}"
    );
}

#[test]
fn mistakes_in_a_list_are_told() {
    let said = |layer: &str| {
        let text = format!("layers = [{layer}]");
        toml::from_str::<Recipe>(&text).unwrap_err().to_string()
    };
    for (layer, expected) in [
        (
            r#"{ layer = "conv3d" }"#,
            "unknown variant `conv3d`, expected one of `conv2d`",
        ),
        (r#"{ layer = "relu", p = 1 }"#, "unknown field `p`"),
        (
            r#"{ layer = "conv2d", channels = 1, kernel = 3, chanels = 2 }"#,
            "unknown field `chanels`",
        ),
        (
            r#"{ layer = "conv2d", channels = 1 }"#,
            "missing field `kernel`",
        ),
        (
            r#"{ layer = "conv2d", channels = 1, kernel = -1 }"#,
            "expected a whole number, or two for down and across",
        ),
        (
            r#"{ layer = "conv2d", channels = 1, kernel = [1, 2, 3] }"#,
            "expected a whole number, or two for down and across",
        ),
        (
            r#"{ layer = "conv2d", channels = 1, kernel = 1, padding = "valid" }"#,
            "expected \"same\", a whole number",
        ),
        (r#"{ channels = 1 }"#, "missing field `layer`"),
    ] {
        assert!(said(layer).contains(expected), "{layer}: {}", said(layer));
    }
}

#[test]
fn an_outline_names_every_layer_and_its_shape() {
    let outline = outline(&parsed(EVERYTHING), [9, 10, 3]);
    let rows = outline.rows();
    let row = |name: &str| {
        rows.iter()
            .find(|row| row.name == name)
            .unwrap_or_else(|| panic!("{name}"))
    };
    assert_eq!(row("stem").output.dims(), [9, 10, 6]);
    // A convolution before a batch normalisation has no bias.
    assert_eq!(row("stem").parameters, 3 * 2 * 3 * 6);
    assert_eq!(row("stem").multiply_adds, 3 * 2 * 3 * 6 * 90);
    assert_eq!(row("1.batch_norm").parameters, 12);
    assert_eq!(row("3.max_pool").output.dims(), [5, 5, 6]);
    let inner = row("4.residual.body.0.conv2d");
    assert_eq!((inner.depth, inner.parameters), (1, 9 * 3 * 8));
    assert_eq!(inner.output.dims(), [3, 3, 8]);
    assert_eq!(row("4.residual.body.3.conv2d").parameters, 64);
    assert_eq!(row("4.residual.shortcut.1.conv2d").parameters, 48);
    assert_eq!(row("6.conv_transpose2d").output.dims(), [6, 6, 8]);
    assert_eq!(row("6.conv_transpose2d").parameters, 9 * 4 * 8 + 8);
    assert_eq!(row("6.conv_transpose2d").multiply_adds, 9 * 4 * 8 * 9);
    assert_eq!(row("11.parallel.branch1.0.conv2d").parameters, 8 * 3 + 3);
    assert_eq!(row("11.parallel").output.dims(), [3, 3, 21]);
    assert_eq!(row("21.linear").parameters, 21 * 7);
    assert_eq!(outline.output().dims(), [4]);
    let order: Vec<usize> = rows.iter().map(|row| row.depth).collect();
    assert_eq!(order[4..12], [0, 1, 1, 1, 1, 1, 1, 1]);
    // The network has these parameters, and running statistics besides.
    let (params, _) = built(&outline);
    let trained: usize = params
        .entries()
        .filter(|e| e.trainable)
        .map(|e| e.shape.len())
        .sum();
    assert_eq!(outline.parameters(), trained);
    assert!(
        params
            .id("net.4.residual.body.1.batch_norm.running_mean")
            .is_some()
    );
}

#[test]
fn an_outline_tells_what_does_not_fit() {
    let said = |text: &str| {
        let layers = parsed(&format!("layers = [{text}]"));
        Outline::new(&layers, [8, 6, 4], "model.layers")
            .unwrap_err()
            .to_string()
    };
    for (layers, expected) in [
        (
            r#"{ layer = "linear", size = 3 }"#,
            "model.layers[0]: `0.linear` expects a vector [C], got [8, 6, 4]\n  put a `flatten`",
        ),
        (
            r#"{ layer = "flatten" }, { layer = "conv2d", channels = 3, kernel = 3, name = "late" }"#,
            "model.layers[1]: `late` expects a picture [H, W, C], got [192]",
        ),
        (
            r#"{ layer = "relu" }, { layer = "residual", body = [{ layer = "conv2d", channels = 4, kernel = 3 }] }"#,
            "model.layers[1]: `1.residual` adds [6, 4, 4] of its body to [8, 6, 4] of its shortcut",
        ),
        (
            r#"{ layer = "residual", body = [{ layer = "relu" }, { layer = "conv2d", channels = 4, kernel = 7 }] }"#,
            "model.layers[0].body[1]: `0.residual.body.1.conv2d` reaches [7, 7] pixels with padding \
             [[0, 0], [0, 0]], got [8, 6, 4]",
        ),
        (
            r#"{ layer = "parallel", branches = [[], [{ layer = "max_pool", kernel = 9 }]] }"#,
            "model.layers[0].branches[1][0]: `0.parallel.branch1.0.max_pool` has windows of 9 x 9 pixels with padding \
             [[0, 0], [0, 0]], larger than its input [8, 6, 4]",
        ),
        (
            r#"{ layer = "parallel", branches = [[], [{ layer = "max_pool", kernel = 2 }]] }"#,
            "`0.parallel` joins branches of different sizes: [8, 6, 4], [4, 3, 4]",
        ),
        (
            r#"{ layer = "conv2d", channels = 3, kernel = 0 }"#,
            "model.layers[0].kernel: is 0\n  choose a whole number in 1..=1024",
        ),
        (
            r#"{ layer = "conv2d", channels = 3, kernel = 1, groups = 2 }"#,
            "model.layers[0].groups: is 2, which does not divide 3 channels out; the input is [8, 6, 4]",
        ),
        (
            r#"{ layer = "group_norm", groups = 3 }"#,
            "model.layers[0].groups: is 3, which does not divide 4 channels; the input is [8, 6, 4]",
        ),
        (
            r#"{ layer = "conv_transpose2d", channels = 3, kernel = 1, padding = 4 }"#,
            "model.layers[0]: `0.conv_transpose2d` leaves no pixel of [8, 6, 4]",
        ),
        (
            r#"{ layer = "conv_transpose2d", channels = 3, kernel = 1, stride = 2, output_padding = 2 }"#,
            "model.layers[0].output_padding: is 2\n  choose a whole number in 0..=1",
        ),
        (
            r#"{ layer = "conv_transpose2d", channels = 1, kernel = [1, 2], stride = [1, 65536] }"#,
            "puts out [8, 327682, 1], more than 65536 pixels along a side",
        ),
        (
            r#"{ layer = "conv_transpose2d", channels = 3, kernel = 2, stride = 65536 }"#,
            "model.layers[0]: `0.conv_transpose2d` needs ",
        ),
        (
            r#"{ layer = "conv2d", channels = 3, kernel = 1, padding = 65536 }"#,
            "model.layers[0]: `0.conv2d` needs ",
        ),
        (
            r#"{ layer = "max_pool", kernel = 2, padding = 2 }"#,
            "model.layers[0].padding: is [[2, 2], [2, 2]], more than half the kernel [2, 2]",
        ),
        (
            r#"{ layer = "dropout", p = 1 }"#,
            "model.layers[0].p: is 1\n  choose a share from 0 up to, but not, 1",
        ),
        (
            r#"{ layer = "batch_norm", epsilon = nan }"#,
            "model.layers[0].epsilon: is NaN",
        ),
        (
            r#"{ layer = "relu", name = "a b" }"#,
            "model.layers[0].name: is `a b`",
        ),
        (
            r#"{ layer = "relu", name = "a" }, { layer = "relu", name = "a" }"#,
            "model.layers[1].name: another layer is called `a` already",
        ),
        (
            r#"{ layer = "flatten" }, { layer = "linear", size = 1048576 }, { layer = "linear", size = 1048576 }"#,
            "model.layers[2]: `2.linear` brings the network to 1099",
        ),
        (
            r#"{ layer = "parallel", branches = [] }"#,
            "model.layers[0].branches: is empty",
        ),
        (
            r#"{ layer = "conv2d", channels = 5, kernel = 2, init = "whiten" }"#,
            "model.layers[0].init: is \"whiten\", and the layer has 5 channels\n  choose 32 channels, twice the 16",
        ),
        (
            r#"{ layer = "conv2d", channels = 32, kernel = 2, groups = 4, init = "whiten" }"#,
            "model.layers[0].init: is \"whiten\", and the layer has groups or dilation",
        ),
        (
            r#"{ layer = "conv2d", channels = 288, kernel = 6, init = "whiten" }"#,
            "model.layers[0].init: is \"whiten\", and a kernel of 6 x 6 sees 144 values of [8, 6, 4]",
        ),
        (
            r#"{ layer = "conv2d", channels = 64, kernel = [1, 8], padding = 4, init = "whiten" }"#,
            "model.layers[0].init: is \"whiten\", and a kernel of 1 x 8 sees 32 values",
        ),
        (
            r#"{ layer = "relu" }, { layer = "conv2d", channels = 32, kernel = 2, init = "whiten" }"#,
            "model.layers[1].init: is \"whiten\", and the layer is not the first",
        ),
    ] {
        assert!(
            said(layers).contains(expected),
            "{layers}: {}",
            said(layers)
        );
    }
    let mut deep: LayerConfig = LayerKind::Relu {}.into();
    for _ in 0..30 {
        let shortcut = Vec::new();
        deep = LayerKind::Residual {
            body: vec![deep],
            shortcut,
        }
        .into();
    }
    let error = Outline::new(&[deep], [1, 1, 1], "layers").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("lies within 17 other layers\n  16 are the most"),
        "{error}"
    );
    for input in [[0, 1, 1], [1 << 20, 1, 1], [1 << 16, 1 << 16, 3]] {
        assert!(Outline::new(&[], input, "layers").is_err());
    }
}

/// Every parameter's gradient, with one layer after the other and with those that go together in one pass.
#[test]
fn layers_that_go_together_compute_what_they_do_alone() {
    let outline = outline(&parsed(EVERYTHING), [9, 10, 3]);
    let x = values("x", [3, 9, 10, 3]);
    let run = |probing: bool| {
        let (mut params, network) = built(&outline);
        let mut pass = Pass::training(&params, Key::new(5));
        if probing {
            pass = pass.with_probes();
        }
        let y = network.forward(&pass, &x);
        let loss = y.mul(&values("dy", y.shape())).sum();
        params.backward(&pass, loss);
        let names: Vec<String> = pass.probes().into_iter().map(|probe| probe.name).collect();
        (y.to_vec(), params.grads().to_vec(), names)
    };
    let (together, alone) = (run(false), run(true));
    assert!(difference(&together.0, &alone.0) < 1e-12);
    assert!(difference(&together.1, &alone.1) < 1e-12);
    assert!(together.2.is_empty());
    let expected: Vec<String> = outline
        .rows()
        .iter()
        .map(|row| format!("net.{}", row.name))
        .collect();
    let (mut found, mut expected) = (alone.2, expected);
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn frozen_networks_answer_as_they_do_in_evaluation() {
    for (layers, input) in [
        (parsed(EVERYTHING), [9, 10, 3]),
        (feed_forward(&[5, 4], 0.2, 3), [4, 5, 1]),
        (lenet5(10), [28, 28, 1]),
        (cnn(&[4, 6], 0.1, 3), [9, 9, 1]),
        (resnet9(4, 0.125, 10), [16, 16, 3]),
        (mobilenet_v2(0.1, 5, Stem::Small), [16, 16, 3]),
    ] {
        let outline = outline(&layers, input);
        let (params, network) = built(&outline);
        let [h, w, c] = input;
        let x = values("x", [2, h, w, c]);
        let y = network.forward(&Pass::evaluation(&params), &x);
        assert_eq!(y.dims()[1..], *outline.output().dims());
        let frozen = network.frozen(&params);
        assert_eq!(
            (frozen.input(), frozen.output()),
            (outline.input(), outline.output())
        );
        let found = frozen.forward(&x);
        assert_eq!(found.shape(), y.shape());
        let error = difference(found.data(), y.data());
        assert!(error < 1e-12, "{error}");
        // In parts as well.
        for at in 0..=layers.len() {
            let (first, second) = network.split_at(at);
            let parts = second
                .frozen(&params)
                .forward(&first.frozen(&params).forward(&x));
            assert!(difference(parts.data(), y.data()) < 1e-12, "split at {at}");
        }
    }
}

#[test]
fn a_network_is_split_into_features_and_head() {
    let outline = outline(&resnet18(10, Stem::Small), [32, 32, 3]);
    let mut params = Params::<f32>::new(1);
    let network = Network::new(&mut params.scope("net"), &outline);
    assert_eq!(network.features().output().dims(), [512]);
    assert_eq!(network.head().input().dims(), [512]);
    assert_eq!(network.grid().output().dims(), [4, 4, 512]);
    let at = network.position("layer2.1").unwrap();
    assert_eq!(network.split_at(at + 1).0.output().dims(), [16, 16, 128]);
    assert_eq!(network.position("net.layer2.1"), None);
    let pass = Pass::evaluation(&params);
    let x = Tensor::full([2, 32, 32, 3], 0.25);
    let features = network.features().forward(&pass, &x);
    let y = network.head().forward(&pass, &features);
    assert_eq!(y.data(), network.forward(&pass, &x).data());
    // Dropout before the last layer belongs to the head.
    let layers = cnn(&[4], 0.5, 3);
    let small = built(&self::outline(&layers, [8, 8, 1])).1;
    assert_eq!(small.features().output().dims(), [4]);
    assert_eq!(small.features().split_at(7).1.output().dims(), [4]);
    assert_eq!(small.head().split_at(1).0.output().dims(), [4]);
    // Without a fully connected layer there is no head.
    let no_head = built(&self::outline(&layers[..7], [8, 8, 1])).1;
    assert_eq!(no_head.head().split_at(0).1.output(), no_head.output());
}

#[test]
#[should_panic(expected = "network: expected a batch of [28, 28, 1], got [2, 28, 28, 3]")]
fn a_batch_of_another_shape_is_refused() {
    let (params, network) = built(&outline(&lenet5(10), [28, 28, 1]));
    network.forward(&Pass::evaluation(&params), &Tensor::zeros([2, 28, 28, 3]));
}

/// The published numbers of parameters.
#[test]
fn named_networks_have_their_numbers_of_parameters() {
    let count = |layers: Vec<LayerConfig>, input| outline(&layers, input).parameters();
    let large = [224, 224, 3];
    assert_eq!(count(resnet18(1000, Stem::Large), large), 11_689_512);
    assert_eq!(count(resnet34(1000, Stem::Large), large), 21_797_672);
    assert_eq!(count(resnet50(1000, Stem::Large), large), 25_557_032);
    assert_eq!(
        count(mobilenet_v2(1.0, 1000, Stem::Large), large),
        3_504_872
    );
    assert_eq!(
        count(mobilenet_v2(0.5, 1000, Stem::Large), large),
        1_968_680
    );
    assert_eq!(count(efficientnet_lite0(1000), large), 4_652_008);
    assert_eq!(count(lenet5(10), [28, 28, 1]), 61_706);
    assert_eq!(count(resnet9(64, 0.125, 10), [32, 32, 3]), 6_573_120);
    assert_eq!(
        count(feed_forward(&[300, 100], 0.0, 10), [28, 28, 1]),
        266_610
    );
    let outline = outline(&resnet18(1000, Stem::Large), large);
    assert_eq!(outline.multiply_adds(), 1_814_073_344);
}

#[test]
fn blocks_can_start_as_their_shortcuts() {
    let config = Resnet {
        blocks: vec![1, 1],
        bottleneck: true,
        width: 4,
        stem: Stem::Small,
        zero_init: true,
    };
    let outline = outline(&resnet(&config, 10), [8, 8, 3]);
    let mut params = Params::<f32>::new(1);
    Network::new(&mut params.scope("net"), &outline);
    let scale = |name: &str| params.get(params.id(name).unwrap())[0];
    assert_eq!(scale("net.layer1.0.bn3.weight"), 0.0);
    assert_eq!(scale("net.layer1.0.bn2.weight"), 1.0);
    assert_eq!(scale("net.layer2.0.downsample.1.weight"), 1.0);
}
