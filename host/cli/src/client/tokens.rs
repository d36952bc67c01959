//! `flow-host tokens`: tokens of a tenant's programs, and, for the platform, of workers.

use anyhow::Result;
use clap::{Args, Subcommand};
use flow_model::ids::{TenantId, TokenId};
use flow_model::rest::tokens::{TokenBody, WorkerTokenBody};
use flow_model::roles::Role;

use super::call::{Call, at};
use super::listing::{List, Page};
use super::session::{Session, Verb};
use super::users::role;
use crate::output::Answer;

const TOKENS: List = List {
    entries: "tokens",
    columns: &["id", "audience", "subject", "role", "created_at", "expires_at", "revoked_at", "note"],
};

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum Tokens {
    /// List tokens; the tokens themselves are shown only when they are made
    List(Page),
    /// Make a token and print it
    #[command(
        after_help = "Examples:\n  flow-host tokens create ci --role op --expires-in 7d\n  flow-host tokens create worker-1 --worker > worker.token"
    )]
    Create(CreateArgs),
    /// Make a token worthless
    Revoke {
        /// The token's id
        #[arg(value_name = "ID")]
        id: TokenId,
    },
    /// Make a new signing key; tokens that the former ones signed stay valid. This needs a platform-admin token
    RotateKey,
}

/// The token to make.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Who will hold it; it appears in the event log
    #[arg(value_name = "HOLDER")]
    subject: String,
    /// What its holder may do, at most what you may
    #[arg(long, value_parser = role, required_unless_present = "worker")]
    role: Option<Role>,
    /// For a worker process instead; this needs a platform-admin token
    #[arg(long, conflicts_with = "role")]
    worker: bool,
    /// Which tenants the worker may serve; all if left out
    #[arg(long, value_name = "NAME", value_delimiter = ',', requires = "worker")]
    tenants: Option<Vec<TenantId>>,
    /// A note for later
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// How long it lives, such as 12h or 90d; 30 days if left out
    #[arg(long, value_name = "SPAN", value_parser = seconds)]
    expires_in: Option<u64>,
}

impl Verb for Tokens {
    async fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::List(page) => session.list(TOKENS, Call::get(at!["tokens"]), &page).await,
            Self::Create(args) => session.field(args.call(), "access_token").await,
            Self::RotateKey => {
                let call = Call::post(at!["tokens", "keys"], serde_json::json!({}));
                session.done(call, "a new key signs from now on".to_owned()).await
            }
            Self::Revoke { id } => session.done(Call::delete(at!["tokens", id]), format!("revoked {id}")).await,
        }
    }
}

impl CreateArgs {
    fn call(self) -> Call {
        let Self { subject, role, worker: _, tenants, note, expires_in } = self;
        match role {
            Some(role) => Call::post(at!["tokens"], TokenBody { subject, role, note, expires_in }),
            None => Call::post(at!["tokens", "workers"], WorkerTokenBody { subject, tenants, note, expires_in }),
        }
    }
}

/// Reads a span such as `90`, `15m`, `12h` or `30d` as seconds.
fn seconds(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3_600),
        "d" => Some(86_400),
        _ => None,
    };
    let amount: Option<u64> = digits.parse().ok();
    let total = amount.zip(unit).and_then(|(amount, unit)| amount.checked_mul(unit));
    total.filter(|total| *total > 0).ok_or_else(|| "use a number and s, m, h or d, such as 12h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_as_people_type_them() {
        for (text, expected) in [("90", 90), ("90s", 90), ("15m", 900), ("12h", 43_200), ("30d", 2_592_000)] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for bad in ["", "d", "0", "-1h", "1w", "1.5h", "99999999999999999999d", "1 h"] {
            assert!(seconds(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
