//! The mountsnoop command: parses arguments, runs one subcommand, and alone turns its outcome into an exit status.

mod args;
mod compact;
mod cut;
mod export;
mod follow;
mod hand;
mod info;
mod input;
mod kept;
mod live;
mod merge;
mod origins;
mod outcome;
mod outgoing;
mod output;
#[cfg(test)]
mod part_tests;
mod pipeline;
mod press;
mod printer;
mod record;
mod relay;
mod repair;
mod replay;
mod stats;
mod streams;
mod tool_args;
mod turns;
mod verify;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use args::{Cli, Command};
use outcome::Outcome;

fn main() -> ExitCode {
    if mountsnoop::record::held() {
        return ExitCode::SUCCESS;
    }
    let cli = Cli::parse();
    if !matches!(cli.command, None | Some(Command::Record(_))) {
        // A file that its user may not read stays unread.
        mountsnoop::record::not_recording();
    }
    let recording_a_command = matches!(&cli.command, Some(Command::Record(args)) if !args.command.is_empty());
    let error = match run(cli) {
        Ok(outcome) => return outcome.status(),
        Err(error) => error,
    };
    if outcome::is_broken_pipe(&error) {
        return ExitCode::SUCCESS;
    }
    // A closed stderr is no reason to fail in another way.
    let _ = writeln!(std::io::stderr(), "mountsnoop: {error:#}");
    outcome::status_of(&error, recording_a_command)
}

fn run(cli: Cli) -> Result<Outcome> {
    match cli.command {
        None => live::run(&cli.filter, &cli.view, &cli.capture),
        Some(Command::Record(args)) => record::run(&args),
        Some(Command::Replay(args)) => replay::run(&args),
        Some(Command::Stats(args)) => stats::run(&args),
        Some(Command::Export(args)) => export::run(&args),
        Some(Command::Info(args)) => info::run(&args),
        Some(Command::Verify(args)) => verify::run(&args),
        Some(Command::Repair(args)) => repair::run(&args),
        Some(Command::Cut(args)) => cut::run(&args),
        Some(Command::Merge(args)) => merge::run(&args),
        Some(Command::Compact(args)) => compact::run(&args),
    }
}
