//! Passwords: argon2id, off the async threads, a few at a time.
//!
//! Whether a member exists cannot be told from how long a wrong password takes: without a hash to compare with, one is
//! computed all the same.

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, PasswordVerifier, Version};
use flow_model::secret::Secret;
use tokio::sync::Semaphore;

use crate::error::ServiceError;

/// OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
const COST: Params = Params::DEFAULT;

/// How many hashes are computed at once; each takes [`COST`]'s memory and a core.
const AT_ONCE: usize = 2;

const MIN_LEN: usize = 8;
const MAX_LEN: usize = 1_024;

/// Computes and compares hashes of passwords.
pub(crate) struct Passwords {
    slots: Semaphore,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self { slots: Semaphore::new(AT_ONCE) }
    }

    /// The hash to store for a new password.
    pub(crate) async fn hash(&self, password: &Secret, salt: [u8; 16]) -> Result<String, ServiceError> {
        if !(MIN_LEN..=MAX_LEN).contains(&password.reveal().len()) {
            return Err(ServiceError::invalid("password", format!("use {MIN_LEN} to {MAX_LEN} bytes")));
        }
        let password = password.clone();
        self.compute(move || {
            let hash = hasher().hash_password_with_salt(password.reveal().as_bytes(), &salt);
            hash.map(|hash| hash.to_string()).map_err(|error| {
                tracing::error!(%error, "a password could not be hashed");
                ServiceError::Internal
            })
        })
        .await?
    }

    /// Whether the password is the one of `hash`. Without a hash it is not, after the same work.
    pub(crate) async fn verify(&self, password: &Secret, hash: Option<String>) -> Result<bool, ServiceError> {
        if password.reveal().len() > MAX_LEN {
            return Ok(false);
        }
        let password = password.clone();
        self.compute(move || {
            let password = password.reveal().as_bytes();
            match hash {
                Some(hash) => hasher().verify_password(password, hash.as_str()).is_ok(),
                None => hasher().hash_password_with_salt(password, &[0; 16]).is_err(),
            }
        })
        .await
    }

    async fn compute<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ServiceError> {
        let stopping = || ServiceError::Unavailable("the host is stopping".to_owned());
        let _slot = self.slots.acquire().await.map_err(|_| stopping())?;
        tokio::task::spawn_blocking(work).await.map_err(|_| stopping())
    }
}

fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, COST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_itself_fits() {
        let passwords = Passwords::new();
        let hash = passwords.hash(&"correct horse".into(), [7; 16]).await.expect("long enough");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_eq!(passwords.verify(&"correct horse".into(), Some(hash.clone())).await, Ok(true));
        assert_eq!(passwords.verify(&"battery staple".into(), Some(hash)).await, Ok(false));
        assert_eq!(passwords.verify(&"correct horse".into(), None).await, Ok(false));
    }

    #[tokio::test]
    async fn a_short_or_endless_password_is_refused() {
        let passwords = Passwords::new();
        for bad in ["short", &"x".repeat(1_025)] {
            let refused = passwords.hash(&bad.into(), [7; 16]).await.expect_err("a bad password");
            assert_eq!(refused.to_string(), "password is not valid: use 8 to 1024 bytes");
        }
    }
}
