//! `demo`: a server of its own, and what it holds its calls with.

use std::path::PathBuf;

use clap::Args;

use super::{build, load_speech, open_desk, runtime, stopped};
use crate::agent::Agents;
use crate::config::Config;
use crate::demo::Demo;
use crate::desk::setup::Books;
use crate::media_key;

#[derive(Args)]
pub(super) struct DemoArgs {
    /// Play your own recordings as the caller, one a turn, in place of the built-in caller
    #[arg(long, value_name = "FILE.wav", num_args = 1..)]
    caller: Vec<PathBuf>,
    /// Leave the server running afterwards and say what to try
    #[arg(long)]
    keep: bool,
    /// Who answers
    #[arg(long, default_value = "front-desk")]
    agent: String,
    /// Where to write the recording of both sides
    #[arg(long, value_name = "FILE.wav", default_value = "trunkline-demo.wav")]
    out: PathBuf,
}

pub(super) fn run(config: &Config, args: DemoArgs) -> anyhow::Result<()> {
    // What the user may have to correct comes before the models, which take their time.
    let agents = Agents::load(config.agents.as_deref())?;
    agents.named(&args.agent)?;
    let speech = load_speech(config, config.speech.better_ears)?;
    let data = std::env::temp_dir().join(format!("trunkline-demo-{}", ulid::Ulid::new()));
    let config = Config {
        data: data.clone(),
        database_url: None,
        ..config.clone()
    };
    let held = runtime()?.block_on(async {
        let books = Books::make(&data, &config.store()).await?;
        let client = books.add_client("The demo").await?;
        let made = books
            .add_key(&client, "the demo", vec!["*".into()], None)
            .await?;
        drop(books);
        let desk = open_desk(&config).await?;
        let app = build(&config, desk, agents, &speech, false)?;
        let key = media_key::open_or_make(&data)?;
        let demo = Demo {
            agent: args.agent,
            caller: args.caller,
            out: args.out,
            keep: args.keep,
        };
        demo.run(app, &key, made.secret, stopped()).await
    });
    // What was there for the demo alone goes with it.
    let _ = std::fs::remove_dir_all(&data);
    held
}
