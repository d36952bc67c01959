//! What every command that talks to a server begins with: where the server is, who one is there, and how to show answers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use flow_model::rest::JsonText;
use reqwest::{StatusCode, Url};
use serde_json::Value;

use super::call::Call;
use super::http::Client;
use super::profile::Profile;
use crate::errors::Failure;
use crate::output::{Answer, Columns, Format, Look, Printer};

/// Where a server is looked for if nobody says where it is.
const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// The options that all commands talking to a server share.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection and output")]
pub(crate) struct Target {
    /// The server's address; otherwise that of `flow-host login`, or that of a local server on port 8080
    #[arg(long, global = true, env = "FLOW_HOST_URL", hide_env_values = true, value_parser = server_url)]
    pub(crate) url: Option<Url>,
    /// The token to show; better set the variable, for others can see a command line
    #[arg(long, global = true, env = "FLOW_HOST_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// How to show the answer: as table, json, yaml or plain
    #[arg(short, long, global = true, value_name = "FORMAT", default_value = "table", hide_possible_values = true)]
    pub(crate) output: Format,
    /// Where `flow-host login` keeps the address and the token; otherwise ~/.config/flow-host/profile.toml
    #[arg(long, global = true, env = "FLOW_HOST_PROFILE", hide_env_values = true, value_name = "FILE")]
    pub(crate) profile: Option<PathBuf>,
    /// The folder of the user's settings, by the XDG base directory specification.
    #[arg(long, global = true, env = "XDG_CONFIG_HOME", hide_env_values = true, hide = true)]
    pub(crate) config_home: Option<PathBuf>,
}

/// A command group: its verb, and the options that all verbs share.
#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Group<V: Subcommand> {
    /// What to do.
    #[command(subcommand)]
    verb: V,
    /// Where and how.
    #[command(flatten)]
    target: Target,
}

/// A single command with the options that all commands share.
#[derive(Debug, Args)]
pub(crate) struct Single<A: Args> {
    #[command(flatten)]
    verb: A,
    #[command(flatten)]
    target: Target,
}

/// Something that can be asked of a server.
pub(crate) trait Verb {
    /// Asks, and says what came of it.
    async fn run(self, session: &Session) -> Result<Answer>;
}

impl<V: Subcommand + Verb> Group<V> {
    /// Does what the verb says, and shows the answer.
    pub(crate) fn start(self) -> Result<()> {
        start(self.verb, &self.target)
    }
}

impl<A: Args + Verb> Single<A> {
    /// Does what the command says, and shows the answer.
    pub(crate) fn start(self) -> Result<()> {
        start(self.verb, &self.target)
    }
}

/// Only here a client needs an async runtime; one thread is plenty, and starts at once.
fn start(verb: impl Verb, target: &Target) -> Result<()> {
    let session = Session::open(target)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(verb.run(&session))?;
    Ok(session.printer.show(&answer)?)
}

/// A server to ask and a way to show what it says.
#[derive(Debug)]
pub(crate) struct Session {
    /// The server.
    pub(crate) client: Client,
    /// Its address.
    pub(crate) url: Url,
    /// Where `login` keeps its profile.
    pub(crate) profile_path: PathBuf,
    /// Shows answers.
    pub(crate) printer: Printer,
}

impl Session {
    fn open(target: &Target) -> Result<Self> {
        let profile_path = super::profile::path(target.profile.clone(), target.config_home.clone())?;
        let (url, token) = resolve(target, Profile::load(&profile_path)?)?;
        let client = Client::new(url.clone(), token)?;
        let printer = Printer { format: target.output, look: Look::of_process() };
        Ok(Self { client, url, profile_path, printer })
    }

    /// Asks for one thing and shows these of its fields; all of them, if none is named.
    pub(crate) async fn object(&self, call: Call, columns: Columns) -> Result<Answer> {
        Ok(Answer::Object(self.client.answer(call).await?, columns))
    }

    /// Asks for something to be done and says so in one line.
    pub(crate) async fn done(&self, call: Call, line: impl Into<String>) -> Result<Answer> {
        let said = self.client.answer(call).await?;
        let line = line.into();
        // Data for programs even where the server has nothing to add.
        let whole = if said.is_null() { serde_json::json!({ "message": line }) } else { said };
        Ok(Answer::Done(line, whole))
    }

    /// Changes something, or creates it if it is not there.
    pub(crate) async fn change_or_create(&self, change: Call, create: Call) -> Result<Value> {
        match self.client.answer_unless(change, StatusCode::NOT_FOUND).await? {
            Some(whole) => Ok(whole),
            None => self.client.answer(create).await,
        }
    }

    /// One field of an answer, shown as it is: a text bare, anything else as the server wrote it.
    pub(crate) async fn field(&self, call: Call, name: &str) -> Result<Answer> {
        let text = self.client.text(call).await?;
        let missing = || Failure::failed(format!("the server's answer has no `{name}`"));
        let fields: BTreeMap<String, JsonText> = serde_json::from_str(&text).map_err(|_| missing())?;
        let field = fields.get(name).ok_or_else(missing)?.as_str();
        let bare = serde_json::from_str(field).unwrap_or_else(|_| field.to_owned());
        Ok(Answer::Text(bare, serde_json::from_str(&text)?))
    }
}

/// Where to go and what to show there. The profile's token goes to the profile's server alone.
fn resolve(target: &Target, profile: Option<Profile>) -> Result<(Url, Option<String>)> {
    let url = match (&target.url, &profile) {
        (Some(url), _) => url.clone(),
        (None, Some(profile)) => profile.url.clone(),
        (None, None) => server_url(DEFAULT_URL).map_err(Failure::usage)?,
    };
    let kept = profile.filter(|profile| profile.url == url).map(|profile| profile.token);
    Ok((url, target.token.clone().filter(|token| !token.is_empty()).or(kept)))
}

fn server_url(text: &str) -> Result<Url, String> {
    let accepted = "use an address such as http://127.0.0.1:8080 or https://flows.example.com";
    let url: Url = text.parse().map_err(|_| accepted.to_owned())?;
    let plain =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    if matches!(url.scheme(), "http" | "https") && url.has_host() && plain { Ok(url) } else { Err(accepted.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        server_url(text).expect("it is an address")
    }

    #[test]
    fn the_profiles_token_goes_to_its_own_server_alone() {
        let profile = || Some(Profile { url: url("https://a.example"), token: "kept".to_owned() });
        for (asked, token, profile, expected) in [
            (None, None, None, (DEFAULT_URL, None)),
            (None, None, profile(), ("https://a.example", Some("kept"))),
            (Some("https://a.example/"), None, profile(), ("https://a.example", Some("kept"))),
            (Some("https://b.example"), None, profile(), ("https://b.example", None)),
            (Some("https://b.example"), Some("given"), profile(), ("https://b.example", Some("given"))),
            (None, Some("given"), profile(), ("https://a.example", Some("given"))),
            (None, Some(""), profile(), ("https://a.example", Some("kept"))),
        ] {
            let target = Target {
                url: asked.map(url),
                token: token.map(str::to_owned),
                output: Format::Table,
                profile: None,
                config_home: None,
            };
            let resolved = resolve(&target, profile).expect("the default is an address");
            assert_eq!(resolved, (url(expected.0), expected.1.map(str::to_owned)));
        }
    }

    #[test]
    fn an_address_is_that_of_a_server() {
        for bad in ["", "localhost", "localhost:8080", "ftp://a", "http://", "http://me:secret@a", "http://a/?x=1"] {
            assert!(server_url(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
