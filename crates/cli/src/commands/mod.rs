//! What each command does once its flags are checked.

mod bench;
mod completions;
mod eval;
mod find;
mod import;
mod lab;
mod mistakes;
mod run;
mod see;
mod show;
mod train;
mod write;
mod written;

use anyhow::Result;

use crate::plan::Plan;

/// Does what was planned.
pub(crate) fn act(plan: Plan) -> Result<()> {
    match plan {
        Plan::TrainText(train) => train::text(&train),
        Plan::TrainLanguage(train) => train::language(&train),
        Plan::TrainImage(train) => train::image(&train),
        Plan::TrainVqa(train) => train::vqa(&train),
        Plan::TrainCaption(train) => train::caption(&train),
        Plan::TrainAlign(train) => train::align(&train),
        Plan::Eval(eval) => eval::eval(&eval),
        Plan::Run(run) => run::run(&run),
        Plan::Import(import) => import::import(&import),
        Plan::Show(show) => show::show(&show),
        Plan::LabMemory(lab) => lab::memory(&lab),
        Plan::LabConvolution(lab) => lab::convolution::pass(&lab),
        Plan::LabPooling(lab) => lab::pooling::shift(&lab),
        Plan::LabFilters(lab) => lab::filters::form(&lab),
        Plan::Bench(bench) => bench::bench(&bench),
        Plan::Completions(shell) => completions::print(shell),
    }
}
