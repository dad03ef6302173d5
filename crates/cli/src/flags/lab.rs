//! `unfold lab`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueEnum};
use unfold::lab::{CellKind, TaskKind};

use super::{Kernels, Work};

/// `unfold lab`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Lab {
    #[command(subcommand)]
    pub(crate) laboratory: Laboratory,
}

/// The laboratories there are.
#[derive(Debug, Subcommand)]
pub(crate) enum Laboratory {
    /// Which recurrent cells remember for how long, and how far gradients reach
    Memory(Box<LabMemory>),
    /// One filter passed over a picture: where its output is low and high, and pooling after it
    Convolution(LabConvolution),
    /// How far a representation moves when the picture moves, with and without pooling
    Pooling(LabPooling),
    /// The filters of a first layer as they form during training
    Filters(LabFilters),
}

const LAB_FILTERS_EXAMPLES: &str = "\
EXAMPLES
  unfold lab filters                          on bundled digits, in some seconds
  unfold lab filters flowers/ --steps 3000    on your own labelled pictures, made 64 pixels wide";

/// `unfold lab filters`.
#[derive(Debug, Args)]
#[command(after_help = LAB_FILTERS_EXAMPLES)]
pub(crate) struct LabFilters {
    /// Labelled pictures, as for `unfold train image`
    #[arg(default_value = "builtin:digits")]
    pub(crate) data: String,
    /// Steps of training
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) steps: usize,
    /// Filters of the first layer
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) filters: u16,
    /// Pixels along a side of a filter
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=31))]
    pub(crate) kernel: u16,
    /// File or folder for the page [default: lab-filters.html, then lab-filters-2.html, …]
    #[arg(long, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) kernels: Kernels,
    /// Print nothing but errors and the page's path
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

const LAB_CONVOLUTION_EXAMPLES: &str = "\
FILTERS
  blur, gaussian    neighbourhoods become alike
  sharpen           details stand out
  outline           a pixel against its neighbours (Laplace)
  edges-across      changes from left to right (Sobel)
  edges-down        changes from top to bottom (Sobel)
  emboss            changes along a diagonal

EXAMPLES
  unfold lab convolution photo.jpg
  unfold lab convolution photo.jpg --filters edges-across,edges-down --out edges.html
  unfold lab convolution 'builtin:digits#test-4' --model runs/image-digits
  unfold lab convolution 'builtin:digits#test-4' --model runs/image-digits --filters 3 --pool 2";

/// `unfold lab convolution`.
#[derive(Debug, Args)]
#[command(after_help = LAB_CONVOLUTION_EXAMPLES, arg_required_else_help = true)]
pub(crate) struct LabConvolution {
    /// The picture: JPEG, PNG, WebP, BMP or GIF
    pub(crate) picture: PathBuf,
    /// Filters by their names, with --model by their numbers from 1, separated by commas [default: all, with --model the first 16]
    #[arg(long, value_name = "FILTERS", value_delimiter = ',')]
    pub(crate) filters: Vec<String>,
    /// Take learned filters instead: a trained image classifier's first convolution, and what follows it there
    #[arg(long, value_name = "RUN")]
    pub(crate) model: Option<PathBuf>,
    /// How often 2 x 2 pixels are pooled; with --model after what the network does [default: 3, with --model 0]
    #[arg(long, value_name = "N")]
    pub(crate) pool: Option<usize>,
    /// File or folder for the page [default: lab-convolution.html, then lab-convolution-2.html, …]
    #[arg(long, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,
}

const LAB_POOLING_EXAMPLES: &str = "\
EXAMPLES
  unfold lab pooling                          a bundled digit
  unfold lab pooling photo.jpg
  unfold lab pooling 'builtin:digits#test-4' --shift 12 --out pooling.html";

/// `unfold lab pooling`.
#[derive(Debug, Args)]
#[command(after_help = LAB_POOLING_EXAMPLES)]
pub(crate) struct LabPooling {
    /// The picture: JPEG, PNG, WebP, BMP or GIF
    #[arg(default_value = "builtin:digits#test-4")]
    pub(crate) picture: PathBuf,
    /// Move it by up to so many pixels
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) shift: u16,
    /// File or folder for the page [default: lab-pooling.html, then lab-pooling-2.html, …]
    #[arg(long, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,
}

const LAB_MEMORY_EXAMPLES: &str = "\
TASKS
  adding          the sum of two marked numbers
  copy            ten symbols, to be repeated after a pause
  order-6a, -6b   in which order did two or three symbols come?
  question        a page of sentences, then: who joined the class?
  mnist           digits, pixel by pixel; permuted-mnist: in an order without meaning (need --mnist)

CELLS
  elman           Elman with tanh
  irnn            Elman with ReLU, from the identity
  gru             GRU
  lstm            LSTM with forget bias 0; lstm-forget: with 1; lstm-chrono: with chrono initialisation

EXAMPLES
  unfold lab memory                                       everything but MNIST, in about ten minutes
  unfold lab memory --quick                               a first look, in about one
  unfold lab memory --tasks question --distances 10,100,300
  unfold lab memory --tasks mnist,permuted-mnist --mnist data/mnist --pixels 196,784
  unfold lab memory --tasks order-6b --cells elman,gru --distances 20,50,100 --out order.html

Each training ends early when its task is solved at all distances. The page is one HTML file that needs no other.";

/// `unfold lab memory`. What is left out is the library's default.
#[derive(Debug, Args)]
#[command(after_help = LAB_MEMORY_EXAMPLES)]
pub(crate) struct LabMemory {
    /// A small version: shorter distances, fewer units, clipped gradients alone
    #[arg(long)]
    pub(crate) quick: bool,
    /// What to learn, separated by commas [default: all that there is data for]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', hide_possible_values = true, value_parser = names(&TaskKind::ALL, TaskKind::name))]
    pub(crate) tasks: Vec<TaskKind>,
    /// Which cells to compare [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', hide_possible_values = true, value_parser = names(&CellKind::ALL, CellKind::name))]
    pub(crate) cells: Vec<CellKind>,
    /// Distances to learn and measure at [default: 10,30,100]
    #[arg(long, value_name = "N,N,…", value_delimiter = ',')]
    pub(crate) distances: Vec<usize>,
    /// Pixels of a picture, out of 49, 196 and 784 [default: 49,196]
    #[arg(long, value_name = "N,N,…", value_delimiter = ',', requires = "mnist")]
    pub(crate) pixels: Vec<usize>,
    /// Folder of MNIST's four IDX files, packed or not
    #[arg(long, value_name = "PATH")]
    pub(crate) mnist: Option<PathBuf>,
    /// Steps of a training at most
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    pub(crate) steps: Option<usize>,
    /// Seconds of a training at most: the result then depends on the machine
    #[arg(long, value_name = "S")]
    pub(crate) seconds: Option<f64>,
    /// Whether gradients are clipped: on, off, or both, one training after the other [default: both; with --quick on]
    #[arg(long, value_enum, hide_possible_values = true)]
    pub(crate) clipping: Option<Clipping>,
    /// The norm to which gradients are clipped [default: 1]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) clip_norm: Option<f64>,
    /// Units of the recurrent layer
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) hidden_size: Option<usize>,
    /// Sequences a step
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) batch_size: Option<usize>,
    /// Adam's learning rate at the start; it falls along half a cosine
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) learning_rate: Option<f64>,
    /// Sequences to measure each distance on
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) test_size: Option<usize>,
    /// File or folder for the page [default: lab-memory.html, then lab-memory-2.html, …]
    #[arg(long, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) work: Work,
}

/// Which trainings there are of each cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Clipping {
    /// One with clipped gradients, one without
    Both,
    /// With clipped gradients alone
    On,
    /// Without clipping alone
    Off,
}

/// Parses the name of one of `all`.
fn names<T: Copy + Send + Sync + 'static>(
    all: &'static [T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let names = PossibleValuesParser::new(all.iter().map(|&one| name(one)));
    names.map(move |typed| {
        let found = all.iter().find(|&&one| name(one) == typed);
        *found.expect("only names of these pass")
    })
}
