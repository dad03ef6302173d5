//! `unfold train`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Work;

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
    /// Learn to describe pictures
    Caption(TrainCaption),
    /// Learn to answer questions about pictures
    Vqa(TrainVqa),
    /// Learn to find pictures by sentences and sentences by pictures
    Align(TrainAlign),
}

const TRAIN_IMAGE_EXAMPLES: &str = "\
DATA
  builtin:digits         bundled handwritten digits
  a folder or archive    one folder for each class with its pictures (JPEG, PNG, WebP, BMP, GIF); train/, test/ and valid/
                         folders above them are taken as the split (tar, tar.gz, tar.xz, tar.zst, zip)
  a folder of IDX files  such as MNIST's four, packed or not
  a table                CSV, TSV or JSON Lines with a picture's path or name and a label a row, or Parquet with the pictures in it;
                         a column `split` may say which rows are train, valid and test

EXAMPLES
  unfold train image builtin:digits
  unfold train image flowers/ --set model.kind=resnet18 --set input.size=128
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

const TRAIN_CAPTION_EXAMPLES: &str = "\
DATA
  builtin:scenes         coloured shapes with sentences, drawn by the program
  a folder or archive    pictures, and a table with the columns image and caption (CSV, TSV, JSON Lines), COCO's captions or
                         Karpathy's dataset_*.json; lists of names in files with train, dev or valid, and test as a word of
                         their name are taken as the split, else it is made by picture; pictures in a tar file are read in place
  a dataset.toml         which says what is where: pictures, captions, train, valid, test

EXAMPLES
  unfold train caption builtin:scenes
  unfold train caption flickr8k/ --recipe recipes/flickr8k-lstm.toml --from efficientnet-lite0.safetensors
  unfold train caption photos/ --from runs/image-flowers --set model.kind=attention
  unfold train caption photos/ --out runs/photos --resume      go on after Ctrl-C, a crash or a power cut";

/// `unfold train caption`.
#[derive(Debug, Args)]
#[command(after_help = TRAIN_CAPTION_EXAMPLES, arg_required_else_help = true)]
pub(crate) struct TrainCaption {
    /// Pictures with captions: a folder, an archive or a table
    pub(crate) data: String,
    #[command(flatten)]
    pub(crate) seeing: Seeing,
    #[command(flatten)]
    pub(crate) training: Training,
}

const TRAIN_VQA_EXAMPLES: &str = "\
DATA
  builtin:scenes         coloured shapes with questions, drawn by the program
  a folder or archive    pictures, and questions with answers: JSON of the VQA challenge or of easy-VQA, pairs of lines as
                         DAQUAR has them, or a table with the columns question, answer and image; files or folders with train,
                         val and test as a word of their name are taken as the split, else it is made by picture
  a dataset.toml         which says what is where: pictures, questions, answers, train, valid, test

EXAMPLES
  unfold train vqa builtin:scenes
  unfold train vqa easy-vqa.tar.gz --recipe recipes/easy-vqa.toml
  unfold train vqa vqa/ --recipe recipes/daquar.toml --from efficientnet-lite0.safetensors
  unfold train vqa questions.json --set model.kind=language      how far the questions alone go";

/// `unfold train vqa`.
#[derive(Debug, Args)]
#[command(after_help = TRAIN_VQA_EXAMPLES, arg_required_else_help = true)]
pub(crate) struct TrainVqa {
    /// Pictures with questions and answers: a folder, an archive or a file of questions
    pub(crate) data: String,
    #[command(flatten)]
    pub(crate) seeing: Seeing,
    #[command(flatten)]
    pub(crate) training: Training,
}

const TRAIN_ALIGN_EXAMPLES: &str = "\
DATA
  pictures with captions, as for `unfold train caption`

EXAMPLES
  unfold train align builtin:scenes
  unfold train align flickr8k/ --recipe recipes/flickr8k-align.toml --from efficientnet-lite0.safetensors
  unfold run runs/align-flickr8k --among photos/ 'two children play in the snow'
  unfold show runs/align-flickr8k --picture dog.jpg --text 'a brown dog runs through tall grass'";

/// `unfold train align`.
#[derive(Debug, Args)]
#[command(after_help = TRAIN_ALIGN_EXAMPLES, arg_required_else_help = true)]
pub(crate) struct TrainAlign {
    /// Pictures with captions: a folder, an archive or a table
    pub(crate) data: String,
    #[command(flatten)]
    pub(crate) seeing: Seeing,
    #[command(flatten)]
    pub(crate) training: Training,
}

/// How a network sees that is a part of another one.
#[derive(Debug, Args)]
pub(crate) struct Seeing {
    /// See with this trained network: a run, a model.safetensors file, or weights as PyTorch names them
    #[arg(long, value_name = "MODEL")]
    pub(crate) from: Option<PathBuf>,
    /// Let that network learn, too
    #[arg(long, requires = "from")]
    pub(crate) finetune: bool,
    /// Stop at a picture that cannot be read, in place of leaving it out
    #[arg(long)]
    pub(crate) strict: bool,
}

const TRAIN_TEXT_EXAMPLES: &str = "\
DATA
  builtin:spam           bundled mail, spam and not spam
  a folder or archive    one folder for each class with one text in each file; folders above them with train, test and valid
                         as a word of their name are taken as the split (tar, tar.gz, tar.xz, tar.zst, zip)
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
                         may be compressed (gz, xz, zst), and larger than memory
  a folder or archive    many of them; those with train, valid and test as a word of their name are taken as the split,
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
    /// Go on with an interrupted run: that of --out, else the latest on DATA that is not finished
    #[arg(long)]
    pub(crate) resume: bool,
    #[command(flatten)]
    pub(crate) work: Work,
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
