//! Signed tokens: `EdDSA` JWTs for three audiences that are never taken for one another.
//!
//! [`Tokens`] signs with the newest of the installation's keys and accepts all that are current; `kid` selects. Time is
//! the injected clock's, so every rule here can be tested with an instant.

mod claims;
mod keyring;
#[cfg(test)]
mod tests;
mod verify;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use flow_broker::{LocalBroker, PlatformActor, ServiceError};
use flow_model::ids::TokenId;
use flow_model::rest::tokens::TokenBody;
use flow_model::roles::Role;
use flow_model::time::{Clock, Entropy, Millis};
use flow_model::token::{Holder, IssuedToken, MAX_LIFE};

pub(crate) use claims::{ApiClaims, AttemptToken, Own, Registered, WorkerClaims};
pub(crate) use keyring::Keyring;
pub(crate) use verify::TokenError;

/// Who every token is issued by.
pub(crate) const ISSUER: &str = "flow-host";

/// How far clocks of the issuer and the reader may differ, in seconds.
pub(crate) const LEEWAY: u64 = 5;

/// How often an unknown `kid` may send us to the database for keys that another node has made.
const RELOAD_PAUSE: Duration = Duration::from_secs(5);

/// Signs and verifies all tokens of one control plane. Cloning it is cheap.
#[derive(Clone)]
pub struct Tokens {
    inner: Arc<Inner>,
}

struct Inner {
    broker: LocalBroker,
    clock: Clock,
    entropy: Entropy,
    keys: RwLock<Loaded>,
}

#[derive(Clone)]
struct Loaded {
    ring: Arc<Keyring>,
    at: Millis,
}

/// What a new token says about itself.
pub(crate) struct Stamp {
    pub(crate) jti: TokenId,
    pub(crate) subject: String,
    pub(crate) expires: Millis,
}

impl Tokens {
    /// Loads the installation's signing keys; the broker makes the first one.
    pub async fn open(broker: LocalBroker, clock: Clock, entropy: Entropy) -> Result<Self, ServiceError> {
        let ring = load(&broker).await?;
        let keys = RwLock::new(Loaded { ring, at: clock() });
        Ok(Self { inner: Arc::new(Inner { broker, clock, entropy, keys }) })
    }

    pub(crate) fn now(&self) -> Millis {
        (self.inner.clock)()
    }

    /// A fresh id for a token that is written down nowhere, as those of attempts.
    pub(crate) fn fresh_id(&self) -> TokenId {
        let mut random = [0; 10];
        (self.inner.entropy)(&mut random);
        TokenId::mint(self.now(), random)
    }

    /// The keys as of now.
    pub(crate) fn keyring(&self) -> Arc<Keyring> {
        self.loaded().ring
    }

    /// Signs `own` with the newest key.
    pub(crate) fn sign<T: Own>(&self, stamp: Stamp, own: T) -> Result<String, ServiceError> {
        let claims = claims::Claims { registered: Registered::new(stamp, T::AUDIENCE, self.now()), own };
        self.keyring().sign(&claims).map_err(|error| {
            tracing::error!(%error, "a token could not be signed");
            ServiceError::Internal
        })
    }

    /// Issues a token for the platform's administration, as on the first start.
    pub async fn mint_platform_admin(&self, subject: &str) -> Result<String, ServiceError> {
        let actor = PlatformActor { name: subject.to_owned() };
        let expires_in = Some(MAX_LIFE.as_secs());
        let body = TokenBody { subject: subject.to_owned(), role: Role::PlatformAdmin, note: None, expires_in };
        self.sign_issued(&self.inner.broker.issue_platform_token(&actor, body).await?)
    }

    /// Makes a new key, which signs from now on. What the former ones signed stays valid.
    pub async fn rotate(&self, actor: &PlatformActor) -> Result<(), ServiceError> {
        self.inner.broker.rotate_signing_key(actor).await?;
        self.refresh().await
    }

    /// Signs a token that the broker has issued.
    pub fn sign_issued(&self, issued: &IssuedToken) -> Result<String, ServiceError> {
        let stamp = Stamp { jti: issued.id, subject: issued.subject.clone(), expires: issued.expires_at };
        match &issued.holder {
            Holder::Tenant { tenant, role } => {
                self.sign(stamp, ApiClaims { tenant: Some(tenant.clone()), role: *role })
            }
            Holder::Platform => self.sign(stamp, ApiClaims { tenant: None, role: Role::PlatformAdmin }),
            Holder::Worker(tenants) => self.sign(stamp, WorkerClaims { tenants: tenants.clone() }),
        }
    }

    /// Checks everything about a token that the token itself can prove.
    pub(crate) async fn verify<T: Own>(&self, token: &str) -> Result<(Registered, T), TokenError> {
        match verify::verify(&self.keyring(), token, self.now()) {
            Err(TokenError::UnknownKey) if self.reload().await => verify::verify(&self.keyring(), token, self.now()),
            settled => settled,
        }
    }

    async fn refresh(&self) -> Result<(), ServiceError> {
        let ring = load(&self.inner.broker).await?;
        *self.inner.keys.write().unwrap_or_else(PoisonError::into_inner) = Loaded { ring, at: self.now() };
        Ok(())
    }

    /// Asks for keys that another node may have made, unless that was done a moment ago. Whether it was done now.
    async fn reload(&self) -> bool {
        if self.now().since(self.loaded().at) < RELOAD_PAUSE {
            return false;
        }
        match self.refresh().await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "the signing keys could not be loaded");
                false
            }
        }
    }

    fn loaded(&self) -> Loaded {
        self.inner.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn load(broker: &LocalBroker) -> Result<Arc<Keyring>, ServiceError> {
    // A key made between the two questions is published and does not sign yet; the other way round would be worse.
    let signing = broker.signing_key().await?;
    let public = broker.public_keys().await?;
    Ok(Arc::new(Keyring::new(&signing, &public)))
}
