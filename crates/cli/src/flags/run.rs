//! `unfold eval` and `unfold run`.

use std::path::PathBuf;

use clap::Args;

use super::Kernels;

const EVAL_EXAMPLES: &str = "\
EXAMPLES
  unfold eval runs/text-spam builtin:spam
  unfold eval runs/text-reviews next-month.csv --json
  unfold eval model.safetensors test.jsonl
  unfold eval runs/language-ptb ptb.tar.gz --dynamic 0.0003
  unfold eval runs/caption-photos photos/ --beam 3 --length-power 1
  unfold eval captions.json captions_val2014.json
  unfold eval answers.csv v2_mscoco_val2014_annotations.json --json

DATA is read as in training. Where it brings a test split of its own, that is what counts.

PREDICTIONS
  A .json, .jsonl, .csv or .tsv file in place of RUN holds what any model said: captions by image_id, or answers by
  question_id. DATA then holds what people said: COCO's captions, the annotations of the VQA challenge, or a table with
  the columns image and caption. Pictures are not needed.";

/// `unfold eval`.
#[derive(Debug, Args)]
#[command(after_help = EVAL_EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Eval {
    /// Folder of a finished run, a model.safetensors file, or a file of predictions
    pub(crate) run: PathBuf,
    /// Data as for `unfold train`
    pub(crate) data: String,
    /// Round a language model's weights to eight bits first
    #[arg(long)]
    pub(crate) int8: bool,
    /// Let a language model learn, at this rate, from every 50 tokens once they are measured (dynamic evaluation)
    #[arg(
        long,
        value_name = "RATE",
        allow_negative_numbers = true,
        conflicts_with = "int8"
    )]
    pub(crate) dynamic: Option<f64>,
    /// Search for a captioner's captions with so many candidates at once [default: the recipe's]
    #[arg(long, value_name = "WIDTH")]
    pub(crate) beam: Option<usize>,
    /// Divide ln p of a caption by this power of its length: 0 favours short ones [default: the recipe's]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) length_power: Option<f64>,
    #[command(flatten)]
    pub(crate) kernels: Kernels,
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
  unfold run runs/image-flowers photos/ more.zip 'archive.tar#2024/*.jpg'
  unfold run runs/image-digits 'builtin:digits#test-4' 'mnist/#test-10?'
  find photos -name '*.jpg' | unfold run runs/image-flowers --json
  unfold run runs/caption-photos dog.jpg --beam 3
  unfold run runs/caption-photos dog.jpg --top-p 0.9 --seed 7
  unfold run runs/vqa-photos dog.jpg 'What color is the dog?'
  unfold run runs/vqa-photos dog.jpg 'What color is the dog?' --among photos/
  unfold run runs/align-photos --among photos/ 'a dog runs on the beach'
  unfold run runs/align-photos --among photos/ dog.jpg

OUTPUT
  A text classifier prints one line for each text: the label, a tab, and its probability. With --json one
  object for each text: {\"label\":\"spam\",\"probability\":0.98,\"probabilities\":{\"spam\":0.98,\"ham\":0.02}}
  An image classifier does so for each picture, also of folders and archives; its path stands before the label, or as \"picture\"
  in the object. 'DATA#PATTERN' takes those inside that match; in IDX and Parquet files they are called by the file and their
  number there, such as test-4, as `show RUN mistakes --data DATA` prints. builtin:digits and builtin:scenes have some to try.
  A captioner prints the path, a tab and the caption: the likeliest that it finds, or one of words that are drawn where a flag
  says how. Folders and archives are as for an image classifier.
  A model that answers questions prints the question, a tab, the answer, a tab and its probability; where several pictures stand
  before a question, so of each, its path first. On standard input it takes the picture's path, a tab and the question.
  One that learned to find counter-examples then prints, for --among, a line that begins with a tab for each picture like it to
  which it has another answer, the best first: the picture, a tab, its answer there, a tab, and its score.
  A model that aligns pictures and sentences prints what it finds among those of --among, the best first: the sentence or the
  picture that was asked for, a tab, the picture or sentence found, a tab, and how well they fit.
  A language model prints the prompt and goes on with it, word by word as they come. With --beam it prints a line for each text
  that it found, the likeliest first: ln of a word's probability, the mean over the words it wrote, and the text.";

/// `unfold run`.
#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Run {
    /// Folder of a finished run, or a model.safetensors file
    pub(crate) run: PathBuf,
    /// Texts, pictures, a picture and questions, or what to find; without any, each line of standard input is one
    #[arg(value_name = "TEXT")]
    pub(crate) text: Vec<String>,
    #[command(flatten)]
    pub(crate) kernels: Kernels,
    /// Print answers as one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) finding: Finding,
    // Those with headings come last, for a heading holds from there on.
    #[command(flatten)]
    pub(crate) going_on: GoingOn,
    #[command(flatten)]
    pub(crate) choosing: Choosing,
}

/// What is looked for where.
#[derive(Debug, Args)]
#[command(next_help_heading = "Models that align pictures and sentences, or find counter-examples")]
pub(crate) struct Finding {
    /// Find among the pictures of DATA, and their captions if it has some
    #[arg(long, value_name = "DATA")]
    pub(crate) among: Option<String>,
    /// Print so many that fit best [default: 5]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) top: Option<usize>,
}

/// What a language model writes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Language models")]
pub(crate) struct GoingOn {
    /// The text to go on with; may be empty
    #[arg(
        long,
        value_name = "TEXT",
        conflicts_with = "text",
        allow_hyphen_values = true
    )]
    pub(crate) prompt: Option<String>,
    /// Read prompts from the terminal, one after the other, as one text that goes on
    #[arg(long, conflicts_with_all = ["prompt", "text", "beam", "explain", "json"])]
    pub(crate) interactive: bool,
    /// Write at most so many words, characters or pieces [default: 100, of characters 500]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) length: Option<usize>,
    /// Stop before this text; may be repeated
    #[arg(
        long,
        value_name = "TEXT",
        conflicts_with = "beam",
        allow_hyphen_values = true
    )]
    pub(crate) stop: Vec<String>,
    /// Stop where the text ends, such as after a paragraph, in place of beginning another
    #[arg(long, conflicts_with = "beam")]
    pub(crate) one: bool,
    /// Weights in eight bits: faster, and nearly as good
    #[arg(long)]
    pub(crate) int8: bool,
    /// Show the five likeliest next words and their probabilities at each step
    #[arg(long, conflicts_with = "beam")]
    pub(crate) explain: bool,
}

/// The flags by which words are drawn, which exclude a search.
const DRAWING: [&str; 7] = [
    "temperature",
    "greedy",
    "top_k",
    "top_p",
    "typical",
    "repetition_penalty",
    "seed",
];

/// How words are chosen.
#[derive(Debug, Args)]
#[command(next_help_heading = "Language models and captioners")]
pub(crate) struct Choosing {
    /// Draw words; below 1 likely ones become likelier, 0 takes the likeliest [default: 0.8]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) temperature: Option<f64>,
    /// Always take the likeliest word: --temperature 0
    #[arg(long, conflicts_with_all = ["temperature", "top_k", "top_p", "typical", "seed"])]
    pub(crate) greedy: bool,
    /// Draw from the N likeliest words alone
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) top_k: Option<usize>,
    /// Draw from the fewest likeliest words that have this probability together
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    pub(crate) top_p: Option<f64>,
    /// Draw from the words whose surprise is most usual, of this probability together
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    pub(crate) typical: Option<f64>,
    /// Draw words; above 1, those of the last 64 become less likely
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) repetition_penalty: Option<f64>,
    /// Seed of what is drawn; the same seed writes the same text [default: 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) seed: Option<u64>,
    /// Search for the likeliest text with so many candidates at once, in place of drawing
    #[arg(long, value_name = "WIDTH", conflicts_with_all = DRAWING)]
    pub(crate) beam: Option<usize>,
    /// Divide ln p of a caption by this power of its length: 0 favours short ones [default: the recipe's]
    #[arg(
        long,
        value_name = "X",
        allow_negative_numbers = true,
        conflicts_with_all = DRAWING,
        help_heading = "Captioners"
    )]
    pub(crate) length_power: Option<f64>,
}
