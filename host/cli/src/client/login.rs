//! `flow-host login` and `flow-host logout`: who one is, kept for later commands.

use anyhow::Result;
use clap::Args;
use flow_model::ids::TenantId;
use flow_model::rest::login::LoginBody;
use reqwest::{StatusCode, Url};
use serde_json::{Value, json};

use super::call::{Call, at};
use super::http::Client;
use super::input;
use super::profile::Profile;
use super::session::{Session, Verb};
use crate::errors::Failure;
use crate::output::Answer;

/// How to log in.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  flow-host login --url https://flows.example.com --username ada@acme\n  flow-host login --token-stdin < flow-data/admin-token"
)]
pub(crate) struct LoginArgs {
    /// The tenant whose member you are
    #[arg(long, value_name = "NAME", requires = "username")]
    tenant: Option<TenantId>,
    /// Your name there, or name@tenant; the password is asked for
    #[arg(long, value_name = "NAME", required_unless_present = "token_stdin")]
    username: Option<String>,
    /// Read the password from standard input
    #[arg(long, requires = "username")]
    password_stdin: bool,
    /// Read a token from standard input and keep it
    #[arg(long, conflicts_with_all = ["username", "password_stdin"])]
    token_stdin: bool,
}

/// Forgets the token.
#[derive(Debug, Args)]
pub(crate) struct LogoutArgs {}

impl Verb for LoginArgs {
    async fn run(self, session: &Session) -> Result<Answer> {
        let token = match self.username {
            Some(username) => ask(session, self.tenant, username, self.password_stdin).await?,
            None => input::secret("token", true)?.trim().to_owned(),
        };
        try_out(&session.url, &token).await?;
        let profile = Profile { url: session.url.clone(), token };
        profile.save(&session.profile_path)?;
        let line = format!("logged in to {}; the token is in {}", profile.url, session.profile_path.display());
        Ok(Answer::Done(line, json!({ "url": profile.url.as_str(), "profile": session.profile_path })))
    }
}

impl Verb for LogoutArgs {
    async fn run(self, session: &Session) -> Result<Answer> {
        let path = &session.profile_path;
        let line = if Profile::remove(path)? { "logged out" } else { "was not logged in" };
        Ok(Answer::Done(line.to_owned(), json!({ "profile": path })))
    }
}

/// The token that the server gives for a name and a password.
async fn ask(session: &Session, tenant: Option<TenantId>, username: String, stdin: bool) -> Result<String> {
    let password = input::secret(&format!("password of {username}"), stdin)?;
    let body = LoginBody { tenant, username, password: password.into() };
    let answer = session.client.answer_at(["auth", "token"], &body).await?;
    match answer.get("access_token").and_then(Value::as_str) {
        Some(token) => Ok(token.to_owned()),
        None => Err(Failure::failed("the server's answer has no `access_token`").into()),
    }
}

/// Fails unless the server knows the token. That it allows little is no failure.
async fn try_out(url: &Url, token: &str) -> Result<()> {
    let client = Client::new(url.clone(), Some(token.to_owned()))?;
    let call = Call::get(at!["modules"]).with("limit", Some(1));
    client.answer_unless(call, StatusCode::FORBIDDEN).await.map(drop)
}
