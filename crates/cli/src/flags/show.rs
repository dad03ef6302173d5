//! `unfold show`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Kernels;

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
  unfold show runs/image-digits mistakes --data builtin:digits
  unfold show runs/image-digits --picture 'builtin:digits#test-4'

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
  caption      --picture with its captions, and where a model with attention looked for each word (captioners)
  answer       --picture with the answers to --text, and where a model with attention looked (visual question answering)
  alignment    the words of --text beside the places of --picture that they are about (alignment)

Each picture is written as SVG and as PNG, and several also together as index.html; the paths are printed.";

/// `unfold show`.
#[derive(Debug, Args)]
#[command(after_help = SHOW_EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Show {
    /// Folder of a run, or a model.safetensors file, which has no curves
    pub(crate) run: PathBuf,
    /// What to draw, by its name below [default: all that there is something to draw for]
    #[arg(value_name = "WHAT", hide_possible_values = true)]
    pub(crate) picture: Option<Picture>,
    /// The text to read (words, surprise, states, gates, gradients), the question (answer), or the sentence (alignment)
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) text: Option<String>,
    /// How to find out what a word contributed [default: gradient] (words)
    #[arg(long, value_enum)]
    pub(crate) method: Option<Method>,
    /// The class to explain [default: the answer] (words, saliency, gradcam, occlusion)
    #[arg(long)]
    pub(crate) label: Option<String>,
    /// The word whose neighbours are looked for (neighbours)
    #[arg(long)]
    pub(crate) word: Option<String>,
    /// Which recurrent layer, from 1 [default: the last] (states, gates); which layer by its name (filters, maps, gradcam)
    #[arg(long, value_name = "LAYER")]
    pub(crate) layer: Option<String>,
    /// The picture to look at (maps, saliency, gradcam, occlusion, caption, answer, alignment)
    #[arg(long = "picture", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// How much words beside each other count as one phrase, from 0 [default: the recipe's] (alignment)
    #[arg(long, value_name = "B")]
    pub(crate) smoothing: Option<f64>,
    /// Count on this labelled data instead of the run's own test split (confusion, mistakes)
    #[arg(long, value_name = "DATA")]
    pub(crate) data: Option<String>,
    /// Folder for the pictures [default: RUN/pictures]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) kernels: Kernels,
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
    /// A picture with its captions
    Caption,
    /// A picture with the answers to a question
    Answer,
    /// The words of a text beside the places of a picture
    Alignment,
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
