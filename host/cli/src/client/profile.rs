//! What `flow-host login` leaves for later commands: a server's address and a token, in a file that its owner alone can read.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::errors::Failure;
use crate::private_file;

/// Who one is on which server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Profile {
    /// The server's address.
    pub(crate) url: Url,
    /// The token it gave.
    pub(crate) token: String,
}

/// The file's own form of it.
#[derive(Serialize, Deserialize)]
struct Stored {
    url: String,
    token: String,
}

/// Where the profile is: in the file named, or under the user's settings.
pub(crate) fn path(named: Option<PathBuf>, config_home: Option<PathBuf>) -> Result<PathBuf> {
    if let Some(path) = named {
        return Ok(path);
    }
    let home = || std::env::home_dir().map(|home| home.join(".config"));
    let folder = config_home.filter(|path| path.is_absolute()).or_else(home).ok_or_else(|| {
        Failure::usage("cannot tell where your settings are: there is no home directory")
            .hint("set FLOW_HOST_PROFILE to a file")
    })?;
    Ok(folder.join("flow-host").join("profile.toml"))
}

impl Profile {
    /// Reads the profile; `None` if there is none.
    pub(crate) fn load(path: &Path) -> Result<Option<Self>> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let damaged = || {
            Failure::usage(format!("{} is not a profile", path.display())).hint("remove it, then run `flow-host login`")
        };
        let stored: Stored = toml::from_str(&text).map_err(|_| damaged())?;
        let url = stored.url.parse().map_err(|_| damaged())?;
        Ok(Some(Self { url, token: stored.token }))
    }

    /// Writes the profile, for its owner's eyes only, in one step.
    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        let text = toml::to_string(&Stored { url: self.url.to_string(), token: self.token.clone() })?;
        let written = match path.parent() {
            Some(folder) => fs::create_dir_all(folder).and_then(|()| private_file::write(path, &text)),
            None => private_file::write(path, &text),
        };
        written.with_context(|| format!("cannot write {}", path.display()))
    }

    /// Removes the profile; whether there was one.
    pub(crate) fn remove(path: &Path) -> Result<bool> {
        match fs::remove_file(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).with_context(|| format!("cannot remove {}", path.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_profile_comes_back_and_is_private() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("deep").join("profile.toml");
        assert_eq!(Profile::load(&path).expect("no profile is no error"), None);
        for token in ["first", "second"] {
            let profile = Profile { url: "https://a.example/".parse().expect("it is a URL"), token: token.to_owned() };
            profile.save(&path).expect("it can be written");
            assert_eq!(Profile::load(&path).expect("it can be read"), Some(profile));
        }
        let mode = fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(Profile::remove(&path).expect("it can be removed"));
        assert!(!Profile::remove(&path).expect("removing nothing is no error"));
    }

    #[test]
    fn a_damaged_profile_is_named() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("profile.toml");
        fs::write(&path, "url = 3").expect("it can be written");
        let error = Profile::load(&path).expect_err("it is damaged");
        assert!(error.to_string().contains("profile.toml is not a profile"), "{error}");
    }

    #[test]
    fn the_profiles_place_follows_the_users_settings() {
        let at = |named: Option<&str>, home: Option<&str>| {
            path(named.map(Into::into), home.map(Into::into)).expect("there is a home")
        };
        assert_eq!(at(Some("x.toml"), Some("/c")), Path::new("x.toml"));
        assert_eq!(at(None, Some("/c")), Path::new("/c/flow-host/profile.toml"));
    }
}
