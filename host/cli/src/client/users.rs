//! `flow-host users`: the members of a tenant.

use anyhow::Result;
use clap::{Args, Subcommand};
use flow_model::ids::Username;
use flow_model::rest::users::{UserBody, UserPatch};
use flow_model::roles::Role;
use flow_model::secret::Secret;

use super::call::{Call, at};
use super::input;
use super::listing::{List, Page};
use super::session::{Session, Verb};
use crate::output::Answer;

const USERS: List = List { entries: "users", columns: &["username", "role", "created_at", "updated_at"] };

/// What can be done with members.
#[derive(Debug, Subcommand)]
pub(crate) enum Users {
    /// List members
    List(Page),
    /// Show one member
    Get(UserArg),
    /// Add a member; the password is asked for
    #[command(
        after_help = "Examples:\n  flow-host users create ada --role op\n  flow-host users create ada --role op --password-stdin < password.txt"
    )]
    Create {
        #[command(flatten)]
        user: UserArg,
        /// What the member may do: viewer, user, op or admin
        #[arg(long, value_parser = role)]
        role: Role,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Change a member's role or password; either ends the member's tokens
    #[command(after_help = "Examples:\n  flow-host users set ada --role viewer\n  flow-host users set ada --password")]
    Set {
        #[command(flatten)]
        user: UserArg,
        /// What the member may do from now on
        #[arg(long, value_parser = role, required_unless_present_any = ["password", "password_stdin"])]
        role: Option<Role>,
        /// Ask for a new password
        #[arg(long)]
        password: bool,
        /// Read a new password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Remove a member and the member's tokens
    Delete(UserArg),
}

/// A member.
#[derive(Debug, Args)]
pub(crate) struct UserArg {
    /// The member's name
    #[arg(value_name = "NAME")]
    name: Username,
}

/// Reads a role by its name.
pub(crate) fn role(name: &str) -> Result<Role, String> {
    Role::from_name(name).ok_or_else(|| format!("use one of {}", Role::ALL.map(Role::as_str).join(", ")))
}

impl Verb for Users {
    async fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::List(page) => session.list(USERS, Call::get(at!["users"]), &page).await,
            Self::Get(UserArg { name }) => session.object(Call::get(at!["users", name]), &[]).await,
            Self::Create { user: UserArg { name }, role, password_stdin } => {
                let password = input::new_password(name.as_str(), password_stdin)?;
                let line = format!("added `{name}` as {}", role.as_str());
                let body = UserBody { username: name, password: password.into(), role };
                session.done(Call::post(at!["users"], body), line).await
            }
            Self::Set { user: UserArg { name }, role, password, password_stdin } => {
                let ask = || input::new_password(name.as_str(), password_stdin);
                let password = (password || password_stdin).then(ask).transpose()?;
                let body = UserPatch { role, password: password.map(Secret::from) };
                session.done(Call::patch(at!["users", name], body), format!("changed `{name}`")).await
            }
            Self::Delete(UserArg { name }) => {
                session.done(Call::delete(at!["users", name]), format!("removed `{name}`")).await
            }
        }
    }
}
