//! `flow-host tenants`: the platform's tenants, what they may have and what they use.

use anyhow::Result;
use clap::{Args, Subcommand};
use flow_model::ids::{TenantId, Username};
use flow_model::rest::tenants::FirstAdmin;
use serde_json::{Map, Value, json};

use super::call::{Call, at};
use super::input;
use super::listing::{List, Page};
use super::session::{Session, Verb};
use crate::errors::Failure;
use crate::output::Answer;

const TENANTS: List = List { entries: "tenants", columns: &["name", "description", "created_at"] };

/// What can be done with tenants; all of it needs a platform-admin token.
#[derive(Debug, Subcommand)]
pub(crate) enum Tenants {
    /// List tenants
    List(Page),
    /// Show one tenant
    Get(TenantArg),
    /// Create a tenant, perhaps with its first admin
    #[command(
        after_help = "Examples:\n  flow-host tenants create acme\n  flow-host tenants create acme --admin ada --password-stdin < password.txt"
    )]
    Create(CreateArgs),
    /// Delete a tenant with everything it has
    Delete {
        #[command(flatten)]
        tenant: TenantArg,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Show how much a tenant may have, or change it
    #[command(
        after_help = "Examples:\n  flow-host tenants quota acme\n  flow-host tenants quota acme --set dags=100 --set stored_bytes=1073741824"
    )]
    Quota(SettingsArgs),
    /// Show what a tenant may not do, or change it
    #[command(
        after_help = "Examples:\n  flow-host tenants policy acme\n  flow-host tenants policy acme --set forbid_wildcards=true"
    )]
    Policy(SettingsArgs),
    /// Show how much a tenant uses
    Usage(TenantArg),
}

/// A tenant.
#[derive(Debug, Args)]
pub(crate) struct TenantArg {
    /// The tenant's name
    #[arg(value_name = "NAME")]
    name: TenantId,
}

/// The tenant to create.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    tenant: TenantArg,
    /// What people call it
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// The name of its first member, with the role admin; the password is asked for
    #[arg(long, value_name = "NAME")]
    admin: Option<Username>,
    /// Read the first member's password from standard input
    #[arg(long, requires = "admin")]
    password_stdin: bool,
}

/// A tenant's settings of one kind.
#[derive(Debug, Args)]
pub(crate) struct SettingsArgs {
    #[command(flatten)]
    tenant: TenantArg,
    /// A setting and its new value; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    set: Vec<(String, Value)>,
}

impl Verb for Tenants {
    async fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::List(page) => session.list(TENANTS, Call::get(at!["tenants"]), &page).await,
            Self::Get(TenantArg { name }) => session.object(Call::get(at!["tenants", name]), &[]).await,
            Self::Create(args) => create(session, args).await,
            Self::Delete { tenant: TenantArg { name }, yes } => {
                input::confirm(&format!("Delete tenant `{name}` with everything it has?"), yes)?;
                session.done(Call::delete(at!["tenants", name]), format!("deleted tenant `{name}`")).await
            }
            Self::Quota(args) => settings(session, args, "quota").await,
            Self::Policy(args) => settings(session, args, "policy").await,
            Self::Usage(TenantArg { name }) => session.object(Call::get(at!["tenants", name, "usage"]), &[]).await,
        }
    }
}

async fn create(session: &Session, args: CreateArgs) -> Result<Answer> {
    let CreateArgs { tenant: TenantArg { name }, description, admin, password_stdin } = args;
    let admin = match admin {
        Some(username) => {
            let password = input::new_password(username.as_str(), password_stdin)?.into();
            Some(FirstAdmin { username, password })
        }
        None => None,
    };
    let body = json!({ "name": name, "description": description, "admin": admin });
    session.done(Call::post(at!["tenants"], body), format!("created tenant `{name}`")).await
}

/// Shows the settings as they are, or changes those given and keeps the others.
async fn settings(session: &Session, args: SettingsArgs, kind: &str) -> Result<Answer> {
    let SettingsArgs { tenant: TenantArg { name }, set } = args;
    let mut settings = session.client.answer(Call::get(at!["tenants", name, kind])).await?;
    if set.is_empty() {
        return Ok(Answer::Object(settings, &[]));
    }
    for (key, value) in set {
        *place(&mut settings, &key)? = value;
    }
    session.object(Call::put(at!["tenants", name, kind], settings), &[]).await
}

/// Where the setting `key` is.
fn place<'a>(settings: &'a mut Value, key: &str) -> Result<&'a mut Value> {
    let known = settings.as_object().into_iter().flat_map(Map::keys).cloned().collect::<Vec<_>>().join(", ");
    let unknown = || Failure::usage(format!("there is no setting `{key}`")).hint(format!("the settings are {known}"));
    Ok(settings.get_mut(key).ok_or_else(unknown)?)
}

fn setting(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| "use KEY=VALUE".to_owned())?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    Ok((key.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_found_by_its_key() {
        let mut quota = json!({"dags": 5, "users": 1});
        let (key, value) = setting("dags=20").expect("it is a setting");
        *place(&mut quota, &key).expect("it is there") = value;
        assert_eq!(quota, json!({"dags": 20, "users": 1}));
        let error = place(&mut quota, "dgas").expect_err("there is none");
        assert_eq!(error.to_string(), "there is no setting `dgas`");
    }
}
