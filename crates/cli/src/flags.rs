//! What can be typed: commands, flags and their help.
//!
//! This is the first of three steps. Flags are only syntax; [`crate::plan`] checks them against the disk and
//! each other, and [`crate::commands`] acts on the result.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use unfold::lab::filter::Filter;
use unfold::lab::{CellKind, TaskKind};

/// Train and use convolutional and recurrent networks on a CPU.
#[derive(Debug, Parser)]
#[command(
    name = "unfold",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
#[command(after_help = PROGRAM_EXAMPLES)]
pub(crate) struct Flags {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const PROGRAM_EXAMPLES: &str = "\
EXAMPLES
  unfold train text builtin:spam                   train a spam filter on bundled mail
  unfold run runs/text-spam 'Call now to win!'     use it
  unfold eval runs/text-spam new-mail.csv          measure it on other data
  unfold show runs/text-spam                       draw its curves and confusion matrix
  unfold train language builtin:moby-dick          train a language model on a bundled novel
  unfold run runs/language-moby-dick --prompt 'The whale'
  unfold train image builtin:digits                train a convolutional network on bundled digits
  unfold run runs/image-digits seven.png           use it
  unfold lab memory --quick                        see which recurrent cells remember for how long

EXIT STATUS
  0 done    1 failed    2 a flag, path, recipe or file must be mended first    130 interrupted, all saved";

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a model on your data
    Train(Train),
    /// Measure a trained model on labelled data
    Eval(Eval),
    /// Use a trained model on new input
    Run(Run),
    /// Make a model of the weights that PyTorch stored for one of the field's networks
    Import(Import),
    /// Draw what a run learned, as SVG and PNG
    Show(Show),
    /// Experiments that show what networks can and cannot do
    Lab(Lab),
    /// Measure how near this machine's limit training and answering come
    Bench(Bench),
    /// Print a completion script for your shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell to complete for
        shell: clap_complete::Shell,
    },
}

const COMPLETIONS_EXAMPLES: &str = "\
EXAMPLES
  unfold completions bash > ~/.local/share/bash-completion/completions/unfold
  unfold completions zsh  > ~/.zfunc/_unfold
  unfold completions fish > ~/.config/fish/completions/unfold.fish";

/// `unfold train`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Train {
    #[command(subcommand)]
    pub(crate) task: TrainTask,
}

/// The tasks a model can be trained for.
#[derive(Debug, Subcommand)]
pub(crate) enum TrainTask {
    /// Sort texts into classes
    Text(TrainText),
    /// Learn to predict each next word of a text, and so to write
    Language(TrainLanguage),
    /// Sort pictures into classes
    Image(TrainImage),
}

const TRAIN_IMAGE_EXAMPLES: &str = "\
DATA
  builtin:digits         bundled handwritten digits
  a folder or archive    one folder for each class with its pictures (JPEG, PNG, WebP, BMP, GIF); train/, test/ and valid/
                         folders above them are taken as the split (tar, tar.gz, tar.xz, tar.zst, zip)
  a folder of IDX files  such as MNIST's four, packed or not
  a table                CSV, TSV or JSON Lines with a picture's path and a label a row, or Parquet with the pictures in it

EXAMPLES
  unfold train image builtin:digits
  unfold train image flowers/ --set model.kind=resnet18 --set input.size=[128,128]
  unfold train image cifar10.tar.xz --recipe recipes/cifar10.toml --out runs/cifar --json
  unfold train image birds/ --from runs/image-flowers --freeze backbone     learn a new last layer alone
  unfold train image flowers/ --out runs/flowers --resume                   go on after Ctrl-C, a crash or a power cut";

/// `unfold train image`.
#[derive(Debug, Args)]
#[command(after_help = TRAIN_IMAGE_EXAMPLES, arg_required_else_help = true)]
pub(crate) struct TrainImage {
    /// Labelled pictures: a folder, an archive, a table or builtin:digits
    pub(crate) data: String,
    /// Begin with this trained network: a run, a model.safetensors file, or weights as PyTorch names them
    #[arg(long, value_name = "MODEL")]
    pub(crate) from: Option<PathBuf>,
    /// Parameters to leave as they are: `backbone` is all but the last layer; else names, with `*` for any text
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) freeze: Vec<String>,
    /// Stop at a picture that cannot be read, in place of leaving it out
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) training: Training,
}

const TRAIN_TEXT_EXAMPLES: &str = "\
DATA
  builtin:spam           bundled mail, spam and not spam
  a folder or archive    one folder for each class with one text in each file; *train*/, *test*/ and
                         *valid*/ folders above them are taken as the split (tar, tar.gz, tar.xz, tar.zst, zip)
  a table                CSV, TSV, JSONL or Parquet with a text and a label column; may be compressed

EXAMPLES
  unfold train text builtin:spam
  unfold train text reviews.csv --text-column review --label-column stars
  unfold train text mail/ --set model.kind=rnn --set train.epochs=5
  unfold train text 20news.tar.xz --recipe recipes/20news-raw.toml --out runs/news --json
  unfold train text mail/ --out runs/mail --resume      go on after Ctrl-C, a crash or a power cut";

/// `unfold train text`.
#[derive(Debug, Args)]
#[command(after_help = TRAIN_TEXT_EXAMPLES, arg_required_else_help = true)]
pub(crate) struct TrainText {
    /// Labelled texts: a folder, an archive, a table or builtin:spam
    pub(crate) data: String,
    #[command(flatten)]
    pub(crate) columns: Columns,
    #[command(flatten)]
    pub(crate) training: Training,
}

const TRAIN_LANGUAGE_EXAMPLES: &str = "\
DATA
  builtin:moby-dick      a bundled novel
  a file                 plain text, or JSON Lines with a text in each object (--set data.text=FIELD);
                         may be compressed (gz, xz, zst)
  a folder or archive    many of them; files named *train*, *valid* and *test* are taken as the split,
                         else the end of the text is held out

EXAMPLES
  unfold train language builtin:moby-dick
  unfold train language ptb.tar.gz --recipe recipes/ptb-small.toml --out runs/ptb
  unfold train language book.txt --set tokens.tokenizer=characters --set window.length=100
  unfold train language posts.jsonl --set tokens.tokenizer=bpe --set tokens.max_size=8000
  unfold train language book.txt --out runs/book --resume      go on after Ctrl-C, a crash or a power cut";

/// `unfold train language`.
#[derive(Debug, Args)]
#[command(after_help = TRAIN_LANGUAGE_EXAMPLES, arg_required_else_help = true)]
pub(crate) struct TrainLanguage {
    /// Running text: a file, a folder, an archive or builtin:moby-dick
    pub(crate) data: String,
    #[command(flatten)]
    pub(crate) training: Training,
}

/// What every training can be told.
#[derive(Debug, Args)]
pub(crate) struct Training {
    /// Read the model, training and seed from this TOML file
    #[arg(long, value_name = "FILE")]
    pub(crate) recipe: Option<PathBuf>,
    /// Change one value of the recipe; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Put the run into this folder [default: runs/TASK-NAME, then runs/TASK-NAME-2, …]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Go on with an interrupted run: that of --out, else the latest one on DATA
    #[arg(long)]
    pub(crate) resume: bool,
    #[command(flatten)]
    pub(crate) work: Work,
}

/// What everything that learns can be told.
#[derive(Debug, Args)]
pub(crate) struct Work {
    /// Seed of everything random; the same seed and steps give the same result, bit for bit
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub(crate) seed: Option<u64>,
    #[command(flatten)]
    pub(crate) threads: Threads,
    /// Print the result as one line of JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
    /// Print nothing but errors on standard error
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// Columns of a table.
#[derive(Debug, Default, Args)]
pub(crate) struct Columns {
    /// Column of a table that holds the text [default: found by its name]
    #[arg(long, value_name = "NAME")]
    pub(crate) text_column: Option<String>,
    /// Column of a table that holds the label [default: found by its name]
    #[arg(long, value_name = "NAME")]
    pub(crate) label_column: Option<String>,
}

/// How many cores may be used.
#[derive(Debug, Args)]
pub(crate) struct Threads {
    /// Use this many threads; the result does not depend on it [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) threads: Option<u16>,
}

const EVAL_EXAMPLES: &str = "\
EXAMPLES
  unfold eval runs/text-spam builtin:spam
  unfold eval runs/text-reviews next-month.csv --json
  unfold eval model.safetensors test.jsonl
  unfold eval runs/language-ptb ptb.tar.gz

DATA is read as in training. Where it brings a test split of its own, that is what counts.";

/// `unfold eval`.
#[derive(Debug, Args)]
#[command(after_help = EVAL_EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Eval {
    /// Folder of a finished run, or a model.safetensors file
    pub(crate) run: PathBuf,
    /// Data as for `unfold train`
    pub(crate) data: String,
    /// Round a language model's weights to eight bits first
    #[arg(long)]
    pub(crate) int8: bool,
    #[command(flatten)]
    pub(crate) threads: Threads,
    /// Print the result as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const RUN_EXAMPLES: &str = "\
EXAMPLES
  unfold run runs/text-spam 'Call now to win!' 'See you on Tuesday'
  unfold run runs/text-spam \"$(cat mail.txt)\"
  unfold run runs/text-spam < lines.txt > answers.tsv
  tail -f chat.log | unfold run runs/text-spam --json
  unfold run runs/language-moby-dick --prompt 'The guardian of'
  unfold run runs/language-moby-dick --prompt 'The whale' --temperature 0.8 --top-k 40 --seed 7
  unfold run runs/language-moby-dick --prompt 'The whale' --beam 8 --length 20
  unfold run runs/language-moby-dick --prompt 'The whale' --explain --length 8
  unfold run runs/language-moby-dick --interactive
  unfold run runs/image-flowers rose.jpg tulip.png
  find photos -name '*.jpg' | unfold run runs/image-flowers --json

OUTPUT
  A text classifier prints one line for each text: the label, a tab, and its probability. With --json one
  object for each text: {\"label\":\"spam\",\"probability\":0.98,\"probabilities\":{\"spam\":0.98,\"ham\":0.02}}
  An image classifier does so for each file, whose path stands before the label, or as \"picture\" in the object.
  A language model prints the prompt and goes on with it, word by word as they come.";

/// `unfold run`.
#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Run {
    /// Folder of a finished run, or a model.safetensors file
    pub(crate) run: PathBuf,
    /// Texts, or files of pictures, to classify; without any, each line of standard input is one
    #[arg(value_name = "TEXT")]
    pub(crate) text: Vec<String>,
    #[command(flatten)]
    pub(crate) threads: Threads,
    /// Print answers as one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
    // The last one, for its heading holds from here on.
    #[command(flatten)]
    pub(crate) writing: Writing,
}

/// How a language model writes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Language models")]
pub(crate) struct Writing {
    /// The text to go on with; may be empty
    #[arg(long, value_name = "TEXT", conflicts_with = "text")]
    pub(crate) prompt: Option<String>,
    /// Read prompts from the terminal, one after the other, as one text that goes on
    #[arg(long, conflicts_with_all = ["prompt", "text", "beam", "explain"])]
    pub(crate) interactive: bool,
    /// Write at most so many words, characters or pieces [default: 100, of characters 500]
    #[arg(long, value_name = "N")]
    pub(crate) length: Option<usize>,
    /// Below 1 likely words become likelier, 0 always takes the likeliest
    #[arg(
        long,
        value_name = "X",
        default_value_t = 0.8,
        allow_negative_numbers = true
    )]
    pub(crate) temperature: f64,
    /// Always take the likeliest word: --temperature 0
    #[arg(long, conflicts_with_all = ["beam", "temperature"])]
    pub(crate) greedy: bool,
    /// Draw from the N likeliest words alone
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) top_k: usize,
    /// Draw from the fewest likeliest words that have this probability together
    #[arg(long, value_name = "SHARE", default_value_t = 1.0)]
    pub(crate) top_p: f64,
    /// Draw from the words whose surprise is most usual, of this probability together
    #[arg(long, value_name = "SHARE", default_value_t = 1.0)]
    pub(crate) typical: f64,
    /// Above 1, words of the last 64 become less likely
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    pub(crate) repetition_penalty: f64,
    /// Search for the likeliest text with so many candidates at once, in place of drawing
    #[arg(long, value_name = "WIDTH")]
    pub(crate) beam: Option<usize>,
    /// Stop before this word; may be repeated
    #[arg(long, value_name = "WORD")]
    pub(crate) stop: Vec<String>,
    /// Stop where the text ends, such as after a paragraph, in place of beginning another
    #[arg(long)]
    pub(crate) one: bool,
    /// Weights in eight bits: faster, and nearly as good
    #[arg(long)]
    pub(crate) int8: bool,
    /// Show the five likeliest next words and their probabilities at each step
    #[arg(long, conflicts_with = "beam")]
    pub(crate) explain: bool,
    /// Seed of what is drawn; the same seed writes the same text
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

const IMPORT_EXAMPLES: &str = "\
NETWORKS
  resnet18, resnet34, resnet50, mobilenet-v2     with torchvision's names
  efficientnet-lite0

EXAMPLES
  unfold import resnet18.safetensors --network resnet18 --labels imagenet.txt --out resnet18-unfold.safetensors
  unfold run resnet18-unfold.safetensors photo.jpg
  unfold show resnet18-unfold.safetensors gradcam --picture photo.jpg
  unfold train image flowers/ --from resnet18-unfold.safetensors --freeze backbone

WEIGHTS is a safetensors file, as safetensors.torch.save_file(model.state_dict(), FILE) writes it.";

/// `unfold import`.
#[derive(Debug, Args)]
#[command(after_help = IMPORT_EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Import {
    /// The weights, a safetensors file
    pub(crate) weights: PathBuf,
    /// Which network they are of
    #[arg(long, value_name = "NAME")]
    pub(crate) network: String,
    /// A text file with the name of each class on its line; numbers when it is left out
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,
    /// How many classes there are, where there is no file of names
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1000,
        conflicts_with = "labels"
    )]
    pub(crate) classes: usize,
    /// File for the model
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

const SHOW_EXAMPLES: &str = "\
EXAMPLES
  unfold show runs/text-spam                                  everything the run can show
  unfold show runs/text-spam curves
  unfold show runs/text-spam confusion --data next-month.csv
  unfold show runs/text-spam words --text 'Call now to win!'
  unfold show runs/text-spam words --text \"$(cat mail.txt)\" --method occlusion --label ham
  unfold show runs/language-moby-dick --text 'The whale rose from the sea.' --word whale
  unfold show runs/language-moby-dick gates --text 'The whale rose.' --layer 1
  unfold show runs/image-flowers summary
  unfold show runs/image-flowers --picture rose.jpg --data flowers/
  unfold show runs/image-flowers gradcam --picture rose.jpg --label tulip

PICTURES
  curves       loss and accuracy, or perplexity, over the epochs
  confusion    which classes are taken for which (classifiers)
  words        which words of --text decided (text classifiers)
  surprise     how little each word of --text was expected (language models, as the rest)
  states       the hidden states over --text
  gates        how far the gates open over --text
  gradients    how strongly the last word's loss depends on the states before it
  neighbours   the words placed nearest to --word
  summary      layers, output shapes, parameters, multiply-adds, as text (image classifiers, as the rest)
  filters      the filters of the convolutions
  maps         what the layers make of --picture
  saliency     how strongly the answer changes with each pixel of --picture
  gradcam      where a layer saw in --picture what speaks for the class
  occlusion    how much the answer suffers when a part of --picture is covered
  mistakes     pictures of --data that are taken for another class, the surest first

Each picture is written as SVG and as PNG, and several also together as index.html; the paths are printed.";

/// `unfold show`.
#[derive(Debug, Args)]
#[command(after_help = SHOW_EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Show {
    /// Folder of a run; for `words` a model.safetensors file will do
    pub(crate) run: PathBuf,
    /// What to draw, by its name below [default: all that there is something to draw for]
    #[arg(hide_possible_values = true)]
    pub(crate) picture: Option<Picture>,
    /// The text to read (words, surprise, states, gates, gradients)
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// How to find out what a word contributed (words)
    #[arg(long, value_enum, default_value_t = Method::Gradient)]
    pub(crate) method: Method,
    /// The class to explain [default: the answer] (words, saliency, gradcam, occlusion)
    #[arg(long)]
    pub(crate) label: Option<String>,
    /// The word whose neighbours are looked for (neighbours)
    #[arg(long)]
    pub(crate) word: Option<String>,
    /// Which recurrent layer, from 1 [default: the last] (states, gates); which layer by its name (filters, maps, gradcam)
    #[arg(long, value_name = "LAYER")]
    pub(crate) layer: Option<String>,
    /// The picture to look at (maps, saliency, gradcam, occlusion)
    #[arg(long = "picture", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Count on this labelled data instead of the run's own test split (confusion, mistakes)
    #[arg(long, value_name = "DATA")]
    pub(crate) data: Option<String>,
    /// Folder for the pictures [default: RUN/pictures]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) threads: Threads,
}

/// The pictures there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Picture {
    /// Loss and accuracy over the epochs
    Curves,
    /// Which classes are taken for which
    Confusion,
    /// Which words of a text decided
    Words,
    /// A text coloured by how little a language model expected each word
    Surprise,
    /// The hidden states of a language model over a text
    States,
    /// How far the gates of a language model open over a text
    Gates,
    /// How strongly the last word's loss depends on the states at each word before
    Gradients,
    /// The words that a language model places nearest to --word
    Neighbours,
    /// The layers of a network of pictures
    Summary,
    /// The filters of its convolutions
    Filters,
    /// What its layers make of a picture
    Maps,
    /// How strongly the answer changes with each pixel
    Saliency,
    /// Where a layer saw what speaks for a class
    Gradcam,
    /// How much the answer suffers when a part is covered
    Occlusion,
    /// Pictures that are taken for another class
    Mistakes,
}

/// The name of a picture on the command line.
pub(crate) fn name(picture: Picture) -> String {
    let value = picture.to_possible_value();
    value.map_or(String::new(), |value| value.get_name().to_owned())
}

/// How the contribution of a word is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    /// Gradient times input: one backward pass
    Gradient,
    /// Leave each word out and see how the answer changes
    Occlusion,
}

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
    pub(crate) threads: Threads,
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
  unfold lab convolution seven.png --model runs/image-digits";

/// `unfold lab convolution`.
#[derive(Debug, Args)]
#[command(after_help = LAB_CONVOLUTION_EXAMPLES, arg_required_else_help = true)]
pub(crate) struct LabConvolution {
    /// The picture: JPEG, PNG, WebP, BMP or GIF
    pub(crate) picture: PathBuf,
    /// Filters by their names, separated by commas [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', hide_possible_values = true, value_parser = names(&Filter::ALL, Filter::name))]
    pub(crate) filters: Vec<Filter>,
    /// Take learned filters instead: those of a trained image classifier's first convolution
    #[arg(long, value_name = "RUN", conflicts_with = "filters")]
    pub(crate) model: Option<PathBuf>,
    /// How often 2 x 2 pixels are pooled
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) pool: usize,
    /// File or folder for the page [default: lab-convolution.html, then lab-convolution-2.html, …]
    #[arg(long, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,
}

const LAB_POOLING_EXAMPLES: &str = "\
EXAMPLES
  unfold lab pooling photo.jpg
  unfold lab pooling seven.png --shift 12 --out pooling.html";

/// `unfold lab pooling`.
#[derive(Debug, Args)]
#[command(after_help = LAB_POOLING_EXAMPLES, arg_required_else_help = true)]
pub(crate) struct LabPooling {
    /// The picture: JPEG, PNG, WebP, BMP or GIF
    pub(crate) picture: PathBuf,
    /// Move it by up to so many pixels
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub(crate) shift: usize,
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
    /// A small version: short distances, few steps
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
    #[arg(long, value_name = "N,N,…", value_delimiter = ',')]
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
    /// Whether gradients are clipped: on, off, or both, one training after the other
    #[arg(long, value_enum, default_value_t = Clipping::Both, hide_possible_values = true)]
    pub(crate) clipping: Clipping,
    /// The norm to which gradients are clipped
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    pub(crate) clip_norm: f64,
    /// Units of the recurrent layer
    #[arg(long, value_name = "N")]
    pub(crate) hidden_size: Option<usize>,
    /// Sequences a step
    #[arg(long, value_name = "N")]
    pub(crate) batch_size: Option<usize>,
    /// Adam's learning rate at the start; it falls along half a cosine
    #[arg(long, value_name = "X")]
    pub(crate) learning_rate: Option<f64>,
    /// Sequences to measure each distance on
    #[arg(long, value_name = "N")]
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

const BENCH_EXAMPLES: &str = "\
EXAMPLES
  unfold bench                                    everything, in some minutes
  unfold bench lstm_ptb_small_train gemm_1024     these alone
  unfold bench --threads 1 --json > one-thread.jsonl

OUTPUT
  First what the machine can do: multiply-adds in registers, and reading memory. Then for each workload
  its time, the operations of its matrix products a second, and the share of the limit that it reaches.";

/// `unfold bench`.
#[derive(Debug, Args)]
#[command(after_help = BENCH_EXAMPLES)]
pub(crate) struct Bench {
    /// What to measure [default: everything; --list names it]
    pub(crate) workloads: Vec<String>,
    /// Name the workloads and measure nothing
    #[arg(long)]
    pub(crate) list: bool,
    #[command(flatten)]
    pub(crate) threads: Threads,
    /// Multiply every tap with every pixel, as a convolution's definition says: no Winograd's form
    #[arg(long)]
    pub(crate) exact: bool,
    /// Print one JSON object for the machine and one for each workload
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn flags_are_consistent() {
        Flags::command().debug_assert();
    }

    #[test]
    fn settings_repeat() {
        let flags = Flags::parse_from([
            "unfold", "train", "text", "x", "--set", "a=1", "--set", "b.c=2",
        ]);
        let Command::Train(Train {
            task: TrainTask::Text(train),
        }) = flags.command
        else {
            panic!("not train text")
        };
        assert_eq!(train.training.set, ["a=1", "b.c=2"]);
    }

    #[test]
    fn no_threads_is_refused() {
        assert!(Flags::try_parse_from(["unfold", "run", "x", "--threads", "0"]).is_err());
    }
}
